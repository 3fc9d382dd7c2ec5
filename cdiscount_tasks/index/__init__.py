"""What a scan of the catalogue becomes: merged, checked and profiled tables."""
