import numpy as np

from cdiscount_tasks.learning.features import descriptor
from cdiscount_tasks.learning.features.looks import first_usable, look_at
from cdiscount_tasks.learning.pictures.properties import PROPERTIES, measure_picture
from tests.material.tiny_catalogue import RED, draw_jpeg, undecodable

GOOD, OTHER = draw_jpeg(RED, 1), draw_jpeg(RED, 2)


def test_a_damaged_picture_is_passed_over():
    assert first_usable([undecodable(GOOD), OTHER])[0] == 1
    assert first_usable([undecodable(GOOD), b""]) is None


def test_the_order_is_kept():
    assert first_usable([GOOD, OTHER], [1, 0])[0] == 1


def test_one_picture_of_each_product_is_looked_at():
    looks = look_at([(7, [0, 2], [GOOD, OTHER]), (8, [3], [GOOD])], seed=0)
    assert looks.product_id.tolist() == [7, 8]
    assert looks.image_number[0] in (0, 2) and looks.image_number[1] == 3
    assert looks.properties[:, -1].tolist() == [2, 1]
    assert np.array_equal(looks.properties[1, :-1], measure_picture(first_usable([GOOD])[1], len(GOOD)))
    assert looks.features.shape == (2, descriptor.NUM_FEATURES)


def test_the_number_of_a_picture_is_that_of_the_product_also_behind_a_damaged_one():
    looks = look_at([(7, [1, 3], [undecodable(GOOD), OTHER])], seed=0)
    assert looks.image_number.tolist() == [3]


def test_what_is_drawn_of_a_product_depends_on_nothing_else():
    products = [(number, range(4), [draw_jpeg(RED, seed) for seed in range(4)]) for number in range(6)]
    together, alone = look_at(products, seed=5), look_at(products[3:4], seed=5)
    assert together.image_number[3] == alone.image_number[0]
    assert len(set(together.image_number.tolist())) > 1


def test_a_product_without_a_usable_picture_is_left_out():
    looks = look_at([(7, [0], [b"no picture"])], seed=0)
    assert len(looks.product_id) == 0 and looks.properties.shape == (0, len(PROPERTIES) + 1)
