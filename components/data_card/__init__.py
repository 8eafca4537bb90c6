"""What the data are: a page and its numbers, and whether they drifted from those that were accepted."""
