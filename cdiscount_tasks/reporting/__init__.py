"""Metrics and tables in, HTML out."""
