"""Figures in, HTML out; one folder a page."""
