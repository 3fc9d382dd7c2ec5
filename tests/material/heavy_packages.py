"""Packages whose import takes seconds."""

HEAVY = (
    "numpy",
    "pyarrow",
    "PIL",
    "tensorflow",
    "keras",
    "pandas",
    "sklearn",
    "scipy",
    "bson",
    "matplotlib",
    "cleanlab",
)
"""Packages that no DAG file may load."""
