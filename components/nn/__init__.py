"""Layers and small numerical tools that two models share."""
