"""Choice of the champion: the gate's rules, scoring candidate and champion alike, and cleanup.

A run that a user or an alias keeps is never deleted.
"""
