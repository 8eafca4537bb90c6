"""Clips to kept clips, with their split into training and held out."""
