"""Bookkeeping that every stage shares: parameters, artefacts, progress, training."""
