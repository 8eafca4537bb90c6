"""The executor in a cluster: each stage is a Job that pulls its inputs from the DVC remote and pushes its outputs.

`pod` runs inside the Job; the other modules create Jobs, watch them and collect their results.
"""
