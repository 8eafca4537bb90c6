"""A rendered corpus of captioned moving shapes with sound, as ordinary media files."""
