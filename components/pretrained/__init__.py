"""Public weights by id, revision and hash."""
