"""All tests of this folder load TensorFlow, most of them when they are imported."""

import pytest


def pytest_ignore_collect(config):
    """Import no test of this folder where tests that train are left out: loading TensorFlow takes five seconds."""
    return True if "not training" in config.option.markexpr else None


def pytest_itemcollected(item):
    item.add_marker(pytest.mark.training)
