import numpy as np
import pytest

from cdiscount_tasks.learning.features.vectors import Vectors
from cdiscount_tasks.learning.networks.batches import Examples, class_weights
from cdiscount_tasks.learning.networks.on_tensorflow import EpochBatches, _InOrder, run_network
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory


def examples(num_images=24):
    """Make pictures of 32 pixels whose class is their brightest channel."""
    random = np.random.default_rng(0)
    class_index = np.arange(num_images) // 2 % 2
    images = random.integers(0, 120, (num_images, 32, 32, 3), dtype=np.uint8)
    images[np.arange(num_images), :, :, class_index] += 100
    inputs = ImagesInMemory(iter([images]), num_images, 32)
    return Examples(inputs, class_index.astype(np.int64), np.arange(num_images) // 2)


def batches_of(epoch=1, seed=0, batch_size=5, first_step=0):
    batches = EpochBatches(examples(), batch_size, seed, epoch, first_step)
    return [batches[number] for number in range(len(batches))]


def same(one, other):
    return all(np.array_equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


def test_an_epoch_shows_every_example_once():
    numbered = Examples(examples().inputs, np.arange(24), np.arange(24))
    shown = [EpochBatches(numbered, 5, 0, 1)[number][1] for number in range(5)]
    assert sorted(np.concatenate(shown).tolist()) == list(range(24))


def test_batches_are_the_same_for_the_same_seed_and_epoch():
    assert same(batches_of(), batches_of())


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 1}])
def test_batches_differ_by_epoch_and_seed(other):
    assert not np.array_equal(batches_of()[0][0], batches_of(**other)[0][0])


@pytest.mark.parametrize("first_step", [1, 3, 5])
def test_the_rest_of_an_epoch_is_what_the_whole_one_would_have_shown(first_step):
    assert same(batches_of()[first_step:], batches_of(first_step=first_step))


def test_a_batch_may_be_read_twice_and_in_any_order():
    batches = EpochBatches(examples(), 5, 0, 1)
    backwards = [batches[number] for number in reversed(range(5))][::-1]
    assert same(backwards, batches_of())


class Planned(Vectors):
    """Inputs that keep what is asked of them: the plan, and the batches that were taken."""

    def expect(self, batches):
        self.planned, self.taken = [rows.tolist() for rows in batches], []

    def take(self, rows, mirrored, shift):
        self.taken.append(rows.tolist())
        return super().take(rows, mirrored, shift)


@pytest.mark.parametrize("first_step", [0, 3, 5])
def test_the_inputs_are_told_which_batches_will_be_taken(first_step):
    inputs = Planned(np.zeros((24, 2, 1), np.float32))
    batches = EpochBatches(Examples(inputs, np.zeros(24, int), np.arange(24)), 5, 0, 1, first_step)
    _ = [batches[number] for number in range(len(batches))]
    assert inputs.planned == inputs.taken
    assert len(inputs.planned) == 5 - first_step


def test_the_inputs_are_told_that_all_will_be_predicted_in_order():
    inputs = Planned(np.zeros((130, 1, 1), np.float32))
    batches = _InOrder(inputs, mirrored=False)
    _ = [batches[number] for number in range(len(batches))]
    assert inputs.planned == inputs.taken == [[*range(64)], [*range(64, 128)], [128, 129]]


def test_augmentation_keeps_the_class_with_its_picture():
    for images, class_index in batches_of():
        assert images.dtype == np.uint8
        assert images.mean(axis=(1, 2)).argmax(axis=1).tolist() == class_index.tolist()


def test_feature_vectors_are_dealt_out_with_their_mirrored_ones():
    vectors = Vectors(np.arange(20, dtype=np.float32).reshape(10, 2, 1))
    batches = EpochBatches(Examples(vectors, np.arange(10), np.arange(10)), 4, 0, 1)
    seen = np.concatenate([batches[number][0] for number in range(3)]).ravel()
    assert sorted(seen // 2) == list(range(10))
    assert 0 < (seen % 2).sum() < 10


def test_feature_vectors_without_mirrored_ones_are_dealt_out_as_they_are():
    vectors = Vectors(np.arange(10, dtype=np.float32).reshape(10, 1, 1))
    batches = EpochBatches(Examples(vectors, np.arange(10), np.arange(10)), 4, 0, 1)
    assert sorted(np.concatenate([batches[number][0] for number in range(3)]).ravel()) == list(range(10))


class Echo:
    """Stands for a network that says how bright a picture's left border is."""

    def predict(self, batches, **_):
        return np.concatenate([batches[n][0][:, 0, 0, :1] for n in range(len(batches))])


def test_a_network_is_shown_every_input_in_order(monkeypatch):
    monkeypatch.setattr("cdiscount_tasks.learning.networks.on_tensorflow._PREDICTED_AT_ONCE", 4)
    images = np.zeros((10, 8, 8, 3), np.uint8)
    images[:, :, 0] = np.arange(10)[:, None, None]
    images[:, :, -1] = 100
    inputs = ImagesInMemory(iter([images]), 10, 8)
    assert run_network(Echo(), inputs).ravel().tolist() == list(range(10))
    assert run_network(Echo(), inputs, mirrored=True).ravel().tolist() == [100] * 10


def test_class_weights_let_every_class_count_the_same():
    class_index = np.array([0, 0, 0, 1, 2, 2])
    weights = class_weights(class_index)
    totals = [sum(weights[c] for c in class_index if c == wanted) for wanted in (0, 1, 2)]
    assert totals == pytest.approx([2, 2, 2])
