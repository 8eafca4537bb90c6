"""The documentation's generated parts: reference pages, the sources of the site, llms.txt.

`make docs` runs it. Pages under docs/ are written by hand, except the reference pages named in `reference.PAGES`.
"""
