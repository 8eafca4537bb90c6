"""Prompts, pictures, clips and sounds to new videos: every task, from tokens to files."""
