"""Media files and bytes ↔ arrays: images, clips and audio, by timestamps and upright."""
