"""The only bridge to DVC: stages, cache, remote, run-cache, pins, and determinism checks.

No other package imports `dvc`. Content of a remote comes in only through `checkout` and `objects`.
"""
