"""The page that puts samples beside each other."""
