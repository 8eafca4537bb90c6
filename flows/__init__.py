"""Order, placement and patience: reads dvc.yaml and runs its stages."""
