"""Trainings of a second: drawn images whose class is their brightest channel, and a network of three convolutions."""

import numpy as np

from cdiscount_tasks.learning.features.vectors import Vectors, VectorsOnDisk
from cdiscount_tasks.learning.networks.batches import Examples
from cdiscount_tasks.learning.networks.training import train
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory
from cdiscount_tasks.settings.training import TrainingConfig

CONFIG = TrainingConfig(network="plain_cnn", image_size=32, epochs=2, batch_size=8)


def examples(num_images=24, num_classes=2, seed=0, size=32):
    """Make pictures whose class is their brightest channel; every product has two."""
    random = np.random.default_rng(seed)
    class_index = np.arange(num_images) // 2 % num_classes
    images = random.integers(0, 120, (num_images, size, size, 3), dtype=np.uint8)
    images[np.arange(num_images), :, :, class_index] += 100
    pictures = ImagesInMemory(iter([images]), num_images, size)
    return Examples(pictures, class_index.astype(np.int64), np.arange(num_images) // 2)


class NothingKept:
    """Checkpoints of a training that nobody continues."""

    def save(self, *_):
        return True

    def newest(self):
        return None


def head_examples(num_images, folder=None):
    """Make features that tell two classes apart, with those of mirror images: in memory, or in a file in a folder."""
    random = np.random.default_rng(num_images)
    class_index = np.arange(num_images) // 2 % 2
    vectors = random.normal(class_index[:, None, None], size=(num_images, 2, 16)).astype(np.float16)
    held = Vectors(vectors) if folder is None else VectorsOnDisk(2, 16, folder / "vectors")
    if folder is not None:
        held.append(vectors)
    return Examples(held, class_index.astype(np.int64), np.arange(num_images) // 2)


def train_small(
    config=CONFIG, spoil=None, checkpoints=None, shown=None, build=None, listeners=(), watch=None, judged=None
):
    from cdiscount_tasks.machine.device import prepare_device

    device = prepare_device(config.seed)
    from cdiscount_tasks.learning.networks.build import build_network

    network = build() if build else build_network(config.network, 32, 2)
    if spoil:
        spoil(network)
    kept = checkpoints or NothingKept()
    judged = judged or examples(12, seed=1)
    return train(network, shown or examples(), judged, config, device, kept, listeners, watch)
