"""One module per noun on the way: each turns finished artifacts into one new artifact."""
