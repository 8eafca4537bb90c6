"""Which run is champion: the gate's rules, candidate and champion scored alike, and what may be deleted.

A run that a person or an alias keeps is never cleaned up.
"""
