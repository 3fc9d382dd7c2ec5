import numpy as np
import pytest

from cdiscount_tasks.learning.networks import speed


class Sleeper:
    """Answers after a time of its own; a clock that all of them share says how long it took."""

    def __init__(self, name, image_size, takes_s, log):
        self.name, self.image_size, self.takes_s, self.log = name, image_size, takes_s, log

    def answer(self, pixels):
        self.log.append((self.name, pixels.shape, pixels.dtype))
        first = sum(name == self.name for name, *_ in self.log) == 1
        self.log.clock += self.takes_s * (100 if first else 1)  # the first answer builds the graph


class Log(list):
    clock = 0.0


@pytest.fixture
def log(monkeypatch):
    made = Log()
    monkeypatch.setattr(speed.time, "perf_counter", lambda: made.clock)
    return made


def test_networks_answer_in_turn_and_their_first_answers_do_not_count(log):
    seconds = speed.time_in_turn([Sleeper("a", 32, 1.0, log), Sleeper("b", 64, 2.0, log)])
    assert seconds == pytest.approx(np.array([[1.0, 2.0]] * speed.FEWEST_ROUNDS))
    assert "".join(name for name, *_ in log) == "abab" + "abba" * 4 + "ab"


def test_each_network_sees_images_of_its_own_size(log):
    speed.time_in_turn([Sleeper("a", 32, 1.0, log), Sleeper("b", 64, 2.0, log)])
    assert {one[:2] for one in log} == {
        (name, (speed.NUM_IMAGES, size, size, 3)) for name, size in (("a", 32), ("b", 64))
    }  # fmt: skip
    assert {one[2] for one in log} == {np.dtype(np.uint8)}


@pytest.mark.parametrize(("takes_s", "num_rounds"), [(4.0, 9), (0.25, 20), (0.001, 99)])
def test_fast_networks_answer_more_often(log, takes_s, num_rounds):
    assert len(speed.time_in_turn([Sleeper("a", 32, takes_s, log), Sleeper("b", 32, takes_s, log)])) == num_rounds
