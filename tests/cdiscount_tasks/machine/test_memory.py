import sys

import numpy as np
import pytest

from cdiscount_tasks.machine.memory import forget_peak, peak_memory_mib


def test_what_was_held_counts_though_it_is_free_again():
    forget_peak()
    before = peak_memory_mib()
    np.ones(200 << 17).sum()  # 200 MiB
    assert 150 < peak_memory_mib() - before < 400


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forget a peak")
def test_an_earlier_peak_is_forgotten():
    np.ones(200 << 17).sum()
    before = peak_memory_mib()
    forget_peak()
    assert peak_memory_mib() < before - 150
