"""Artifacts: directories that appear whole or not at all, found again by the key of all that decides them."""
