"""The report: clips, scores, models, data and graph of a run as one page that opens without a server."""
