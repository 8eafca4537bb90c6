"""Bookkeeping that every stage shares: parameters, artifacts, progress, training."""
