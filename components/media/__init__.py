"""Media files and bytes ↔ arrays: pictures, clips and sound, by timestamps and upright."""
