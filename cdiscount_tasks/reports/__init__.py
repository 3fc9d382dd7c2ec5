"""What is in the reports folder, and how it is read."""
