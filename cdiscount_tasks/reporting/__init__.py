"""Metrics and tables in, pages out: templates, figures, galleries. Reads and writes no file of the pipeline."""
