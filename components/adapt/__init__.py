"""Adaptation: the base language model, tuned further on a named set of tasks."""
