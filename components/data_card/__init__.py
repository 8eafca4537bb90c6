"""The data card: a page about the data with its numbers, and the gate on drift from the accepted card."""
