"""The judge of generated media: trained here on real clips, used by evaluation only."""
