"""Source files of any kind to clips of one kind; what cannot be used is quarantined with its reason."""
