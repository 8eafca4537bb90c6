"""A record run again in a separate folder, and compared with the original results.

The verdict of a stage is identical, within tolerance, different or not run.
"""
