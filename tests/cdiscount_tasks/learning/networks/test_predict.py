import numpy as np
import pytest

from cdiscount_tasks.learning.features.vectors import Vectors
from cdiscount_tasks.learning.networks import predict
from cdiscount_tasks.learning.networks.predict import iter_probabilities, predict_images
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory, ImagesOnDisk


class LeftBrightness:
    """Stands for a network: the probability of class 0 is how bright the left half is."""

    def predict(self, batches, **_):
        return np.concatenate([self.judge(*batches[number]) for number in range(len(batches))])

    def judge(self, images):
        left = images[:, :, : images.shape[2] // 2].mean(axis=(1, 2, 3)) / 255 * 0.8 + 0.1
        return np.stack([left, 1 - left], axis=1).astype(np.float32)


def half_bright():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[0, :, :2] = 255
    images[1, :, 2:] = 255
    return ImagesInMemory(iter([images]), 2, 4)


def test_without_the_mirror_a_picture_is_judged_as_it_is():
    assert np.allclose(predict_images(LeftBrightness(), half_bright(), flip=False), [[0.9, 0.1], [0.1, 0.9]])


def test_with_the_mirror_both_sides_count_the_same():
    assert np.allclose(predict_images(LeftBrightness(), half_bright(), flip=True), 0.5)


def test_the_middle_of_a_picture_is_judged_beside_the_whole():
    rim = np.full((1, 16, 16, 3), 255, np.uint8)
    rim[:, 1:15, 1:15] = 0
    inputs = ImagesInMemory(iter([rim]), 1, 16)
    whole, both = (
        predict_images(LeftBrightness(), inputs, flip=True, views=views)[0, 0] for views in ("flip", "crops")
    )
    assert 0.1 < both < whole
    (block,) = iter_probabilities(LeftBrightness(), inputs, np.arange(1), num_classes=2, flip=True, views="crops")
    assert block[0, 0] == both


class Counted(ImagesOnDisk):
    """Images that do not lie in memory, with a count of how often each was read."""

    def __init__(self, images, folder):
        super().__init__(iter([images]), len(images), 4, folder / "pixels")
        self.num_read, self.plan = np.zeros(len(images), int), []

    def expect(self, batches):
        self.plan = [batch.tolist() for batch in batches]

    def take(self, rows, mirrored, shift):
        self.num_read[rows] += 1
        return super().take(rows, mirrored, shift)


def random_images(num_images):
    return np.random.default_rng(0).integers(0, 255, (num_images, 4, 4, 3)).astype(np.uint8)


def ask_in_blocks_of(step, monkeypatch, inputs, rows):
    monkeypatch.setattr(predict, "_STEP", step)
    monkeypatch.setattr(predict, "_CELLS_AT_ONCE", 2 * step)
    return list(iter_probabilities(LeftBrightness(), inputs, rows, num_classes=2, flip=True))


@pytest.mark.parametrize("in_memory", [False, True])
def test_block_by_block_the_answers_are_those_of_all_images(monkeypatch, tmp_path, in_memory):
    images = random_images(22)
    inputs = ImagesInMemory(iter([images]), 22, 4) if in_memory else Counted(images, tmp_path)
    rows = np.array([0, 1, 3, *range(6, 22)])
    blocks = ask_in_blocks_of(4, monkeypatch, inputs, rows)
    assert [len(block) for block in blocks] == [4, 4, 4, 7]  # the last one is not shorter than the others
    assert np.array_equal(np.concatenate(blocks), predict_images(LeftBrightness(), inputs, flip=True)[rows])


def test_images_that_do_not_lie_in_memory_are_read_once_for_both_sides_as_planned(monkeypatch, tmp_path):
    inputs = Counted(random_images(22), tmp_path)
    ask_in_blocks_of(4, monkeypatch, inputs, np.arange(22))
    assert inputs.num_read.tolist() == [2] + [1] * 21  # the first once more, to see how large an image is
    assert [row for batch in inputs.plan for row in batch] == list(range(22))


def test_no_rows_are_no_blocks():
    assert not list(iter_probabilities(LeftBrightness(), half_bright(), np.arange(0), num_classes=2, flip=True))


def test_vectors_are_shown_block_by_block_too(monkeypatch):
    class Echo:
        def predict(self, batches, **_):
            return np.concatenate([batches[number][0] for number in range(len(batches))])

    vectors = np.random.default_rng(0).dirichlet([1, 1], (10, 2)).astype(np.float32)
    monkeypatch.setattr(predict, "_STEP", 4)
    monkeypatch.setattr(predict, "_CELLS_AT_ONCE", 0)
    blocks = list(iter_probabilities(Echo(), Vectors(vectors), np.arange(10), num_classes=2, flip=False))
    assert [len(block) for block in blocks] == [4, 6]
    assert np.allclose(np.concatenate(blocks), vectors[:, 0], atol=1e-6)
