"""The page of a sample's labels: copies, conflicts, groups, rejected pictures."""
