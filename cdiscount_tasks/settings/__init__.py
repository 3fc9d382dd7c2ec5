"""What can be set, and the sentences that refuse what cannot."""
