"""Captions of kept clips to text vectors, computed once."""
