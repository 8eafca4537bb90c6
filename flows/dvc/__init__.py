"""The only bridge to DVC: stages, cache and remote, run-cache, pins, and what must come out the same again.

No other package imports `dvc`. What a remote holds comes in by `checkout` and `objects` alone.
"""
