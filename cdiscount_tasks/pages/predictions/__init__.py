"""The page of a predictions run."""
