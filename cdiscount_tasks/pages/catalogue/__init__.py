"""The page of the catalogue's content."""
