import numpy as np
import pytest

from cdiscount_tasks.learning.networks.batches import EpochOrder, Ways
from cdiscount_tasks.learning.pictures.shifted import WHOLE
from cdiscount_tasks.settings.training import TrainingConfig

ALL = Ways(crop_area=0.3, mixing="cutmix", mixed_share=0.5, size=64, class_balance=1.0)
UNEVEN = np.repeat([0, 1, 2], [40, 6, 4])


def test_crops_lie_within_the_picture_and_keep_their_area_and_ratio():
    top, height, left, width = EpochOrder.of(np.zeros(5000, int), 4, 0, 1, Ways(crop_area=0.3)).shift.T / WHOLE
    assert min(top.min(), left.min()) >= 0
    assert max((top + height).max(), (left + width).max()) <= 1
    assert (height * width).min() > 0.28
    assert (height * width).mean() == pytest.approx(0.64, abs=0.03)
    assert np.abs(np.log(height / width)).max() < np.log(4 / 3) + 0.01


def test_order_and_mirroring_are_those_of_the_seed_and_epoch_in_every_way():
    plain, changed = EpochOrder.of(UNEVEN, 4, 3, 2), EpochOrder.of(UNEVEN, 4, 3, 2, ALL)
    assert np.array_equal(plain.rows, changed.rows)
    assert np.array_equal(plain.mirrored, changed.mirrored)
    assert (plain.shift.shape, changed.shift.shape, plain.mix) == ((50, 2), (50, 4), None)


@pytest.mark.parametrize(("seed", "epoch", "same"), [(3, 2, True), (4, 2, False), (3, 3, False)])
def test_crops_mixing_and_what_is_shown_are_functions_of_seed_and_epoch(seed, epoch, same):
    one, other = EpochOrder.of(UNEVEN, 4, 3, 2, ALL), EpochOrder.of(UNEVEN, 4, seed, epoch, ALL)
    for mine, its in zip(
        [one.shift, one.shown, one.mix.box, one.mix.share],
        [other.shift, other.shown, other.mix.box, other.mix.share],
        strict=True,
    ):
        assert np.array_equal(mine, its) is same


def test_pictures_are_not_mixed_in_the_last_tenth_of_the_epochs():
    config = TrainingConfig(epochs=20, mixing="mixup", mixing_share=0.4)
    assert [Ways.of(config, epoch).mixed_share for epoch in (1, 18, 19, 20)] == [0.4, 0.4, 0, 0]
    assert Ways.of(TrainingConfig(), 1) == Ways()


def test_the_first_epochs_see_smaller_pictures():
    config = TrainingConfig(epochs=10, image_size=160, smaller_first=0.4)
    assert [Ways.of(config, epoch).size for epoch in (1, 4, 5, 10)] == [128, 128, None, None]
    longest = TrainingConfig(epochs=1, image_size=96, smaller_first=0.9)
    assert Ways.of(longest, 1).size is None


def test_an_epoch_shows_every_example_once_unless_classes_are_balanced():
    plain, balanced = EpochOrder.of(UNEVEN, 4, 3, 2), EpochOrder.of(UNEVEN, 4, 3, 2, Ways(class_balance=1.0))
    assert np.array_equal(plain.shown, np.arange(50))
    assert np.bincount(UNEVEN[balanced.shown]).tolist() == [17, 17, 16]
    assert np.array_equal(plain.rows, balanced.rows)


def test_an_example_that_comes_several_times_is_changed_in_several_ways():
    order = EpochOrder.of(UNEVEN, 4, 3, 2, Ways(crop_area=0.3, class_balance=1.0))
    of_one = order.shift[order.shown == 49]
    assert len(of_one) == 4
    assert len(np.unique(of_one, axis=0)) == 4
