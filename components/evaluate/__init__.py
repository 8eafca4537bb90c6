"""Samples held against their prompts and against real clips."""
