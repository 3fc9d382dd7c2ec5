"""One run: opened, started, its steps, finished, changed, cleaned up."""
