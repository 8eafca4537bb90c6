"""Results of a run: record and page, source archive, metrics, and the lineage of its data.

A record is named by the hash of all inputs and outputs, and suffices to run it again.
"""
