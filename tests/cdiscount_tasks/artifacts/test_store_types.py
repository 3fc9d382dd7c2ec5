import threading

import pytest

from cdiscount_tasks.artifacts.store_types import in_threads, patience, waits_now


def test_patience_is_that_of_the_innermost_block():
    assert waits_now() == (None, False)
    with patience(3):
        with patience(1, hurried=True):
            assert waits_now() == (1, True)
        assert waits_now() == (3, False)
    assert waits_now() == (None, False)


def test_threads_wait_as_their_caller_does():
    both = threading.Barrier(2, timeout=30)

    def waits(_):
        both.wait()
        return waits_now()

    with patience(2, hurried=True):
        assert in_threads(2, "two", waits, [1, 2]) == [(2, True)] * 2
    assert in_threads(2, "two", waits, [1, 2]) == [(None, False)] * 2


def test_results_are_in_order_and_a_fault_is_raised():
    assert in_threads(3, "sums", lambda one, other: one + other, [1, 2, 3], [10, 20, 30]) == [11, 22, 33]
    with pytest.raises(ZeroDivisionError):
        in_threads(2, "faults", lambda one: 1 // one, [1, 0])
