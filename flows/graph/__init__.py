"""The graph and its results as plain values: stages, lock entries, code, placement, the class of a machine.

Nothing here starts a process or opens a connection.
"""
