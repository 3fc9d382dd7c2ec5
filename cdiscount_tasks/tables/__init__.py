"""Parquet and CSV files: their schemas, and the one reader of each."""
