"""The page of label suspects, to be judged by a person."""
