"""Geometry and text of the page's drawings and tables; no markup."""
