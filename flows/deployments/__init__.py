"""Unattended runs: server and worker of `videopoet serve`, automations, and the final states of flows.

prefect.yaml defines the deployments; the flows are the modules beside this package.
"""
