import numpy as np

from cdiscount_tasks.learning.networks.predict import predict_images
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory


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
