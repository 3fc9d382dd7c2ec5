"""Two runs of a sample side by side, as a page."""
