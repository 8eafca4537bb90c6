"""Clips to discrete tokens and back: a causal 3-D tokenizer with look-up-free quantization."""
