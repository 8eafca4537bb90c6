"""Kept clips to token shards: everything a token model reads, computed once."""
