"""The pipeline graph as plain values: stages, lock entries, code locks, placement, platform fingerprints.

Nothing here starts a process or opens a connection.
"""
