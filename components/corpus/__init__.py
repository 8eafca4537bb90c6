"""A rendered corpus of captioned moving shapes with audio, as ordinary media files."""
