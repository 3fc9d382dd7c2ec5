"""The only place that knows bytes on disk: artifacts, the BSON catalogue, Parquet tables."""
