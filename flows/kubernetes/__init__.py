"""The executor in a cluster: each stage is a Job whose inputs come from the DVC remote, and whose outputs go there.

`pod` is what runs in there; the rest makes Jobs, watches them and reads what they left behind.
"""
