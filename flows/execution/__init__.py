"""Bringing one stage up to date: validation, plan, budget, and the executor on this machine.

The coordinator uses executors by their protocol; a flow passes the one for this machine or for a cluster.
"""
