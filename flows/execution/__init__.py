"""One stage brought up to date: what to do about it, what must be mended first, and the executor on this machine.

The coordinator knows an executor by its protocol; a flow hands it the one for this machine or for a cluster.
"""
