"""What a run leaves behind: its record and page, its source, curves and metrics, where its data came from.

A record is called by the hash of what went in and what came out, and is enough to run it again.
"""
