"""What bench/quality.py judges with: the usual methods, and how the figures are shown."""
