"""The machine-learning stages: pure commands from input folders to one output folder."""
