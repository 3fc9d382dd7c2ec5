"""Images as arrays: decoded, checked, held in memory or on disk."""
