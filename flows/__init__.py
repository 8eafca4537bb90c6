"""Order, placement and retries: read dvc.yaml and run its stages."""
