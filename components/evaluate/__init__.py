"""Evaluation of samples against their prompts and real clips."""
