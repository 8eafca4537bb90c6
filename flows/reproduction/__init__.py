"""A record run again in a folder of its own, and compared with what it made the first time.

The verdict of a stage is identical, within tolerance, different or not run.
"""
