import numpy as np
import pytest

from cdiscount_tasks.learning.pictures.mixed import Mix, draw_mix, mix_pictures
from cdiscount_tasks.learning.pictures.shifted import WHOLE


def mixed(mix, num=4, size=16):
    """Return black pictures mixed with white ones."""
    black = np.zeros((num, size, size, 3), np.uint8)
    return mix_pictures(black, black + np.uint8(255), mix, np)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_a_picture_shows_of_its_partner_what_the_target_has_of_its_class(kind):
    mix = draw_mix(np.random.default_rng(0), 200, kind, 1.0)
    assert (mix.share >= 0.5).all()
    shown = mixed(mix, 200, 64).mean(axis=(1, 2, 3)) / 255
    assert np.abs(shown - (1 - mix.share)).max() < 0.03
    assert shown.std() > 0.05


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_so_many_are_mixed_as_the_share_says_and_the_others_are_as_they_were(kind):
    mix = draw_mix(np.random.default_rng(0), 2000, kind, 0.3)
    is_mixed = mixed(mix, 2000).any(axis=(1, 2, 3))
    assert is_mixed.mean() <= 0.35
    assert (mix.share < 1).mean() == pytest.approx(0.3, abs=0.05 if kind == "cutmix" else 0.15)
    assert not mixed(draw_mix(np.random.default_rng(0), 50, kind, 0.0), 50).any()


def test_a_part_of_the_partner_lies_where_the_box_is():
    box = np.array([[0, WHOLE // 2, WHOLE // 2, WHOLE // 4]], np.int32)
    found = mixed(Mix(box, np.zeros(1, np.int32), np.ones(1, np.float32)), 1)[0, :, :, 0]
    assert (found[:8, 8:12] == 255).all()
    assert found.sum() == 8 * 4 * 255
