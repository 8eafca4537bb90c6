"""Tokens of a small clip to tokens of the same clip at twice the height and width."""
