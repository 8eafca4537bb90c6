"""Captions to vectors: a T5 encoder, taken from public weights or trained here on the captions."""
