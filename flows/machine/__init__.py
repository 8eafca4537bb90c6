"""This machine: the checkout's untracked folder, processes and signals, what they use, and Prefect's server.

It knows nothing of stages.
"""
