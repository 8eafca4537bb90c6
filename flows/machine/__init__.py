"""This machine: the workspace folder, processes and signals, resource usage, and Prefect's server.

It does not know about stages or the graph.
"""
