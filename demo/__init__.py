"""The demo catalogue: drawn pictures in the real layout, for those who have no 58 GB at hand."""

from demo.catalogue import VERSION, DemoResult, draw_catalogue

__all__ = ["VERSION", "DemoResult", "draw_catalogue"]
