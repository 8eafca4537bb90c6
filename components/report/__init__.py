"""Everything that a run made, as one page that opens without a server."""
