import numpy as np
import pytest

from cdiscount_tasks.learning.networks.batches import EpochOrder, Ways
from cdiscount_tasks.learning.pictures.shifted import WHOLE
from cdiscount_tasks.settings.training import TrainingConfig

ALL = Ways(crop_area=0.3, mixing="cutmix", mixed_share=0.5)


def test_crops_lie_within_the_picture_and_keep_their_area_and_ratio():
    top, height, left, width = EpochOrder.of(5000, 4, 0, 1, Ways(crop_area=0.3)).shift.T / WHOLE
    assert min(top.min(), left.min()) >= 0
    assert max((top + height).max(), (left + width).max()) <= 1
    assert (height * width).min() > 0.28
    assert (height * width).mean() == pytest.approx(0.64, abs=0.03)
    assert np.abs(np.log(height / width)).max() < np.log(4 / 3) + 0.01


def test_order_and_mirroring_are_those_of_the_seed_and_epoch_in_every_way():
    plain, changed = EpochOrder.of(50, 4, 3, 2), EpochOrder.of(50, 4, 3, 2, ALL)
    assert np.array_equal(plain.rows, changed.rows)
    assert np.array_equal(plain.mirrored, changed.mirrored)
    assert (plain.shift.shape, changed.shift.shape, plain.mix) == ((50, 2), (50, 4), None)


@pytest.mark.parametrize(("seed", "epoch", "same"), [(3, 2, True), (4, 2, False), (3, 3, False)])
def test_crops_and_mixing_are_functions_of_seed_and_epoch(seed, epoch, same):
    one, other = EpochOrder.of(50, 4, 3, 2, ALL), EpochOrder.of(50, 4, seed, epoch, ALL)
    for mine, its in zip(
        [one.shift, one.mix.box, one.mix.share], [other.shift, other.mix.box, other.mix.share], strict=True
    ):
        assert np.array_equal(mine, its) is same


def test_pictures_are_not_mixed_in_the_last_tenth_of_the_epochs():
    config = TrainingConfig(epochs=20, mixing="mixup", mixing_share=0.4)
    assert [Ways.of(config, epoch).mixed_share for epoch in (1, 18, 19, 20)] == [0.4, 0.4, 0, 0]
    assert Ways.of(TrainingConfig(), 1) == Ways()
