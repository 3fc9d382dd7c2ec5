import numpy as np
import pandas as pd

from cdiscount_tasks.labelling.claims import claims_of_others

IMAGES = pd.DataFrame({"product_id": [1, 2, 3], "category_id": [10, 20, 30], "image": [0, 0, 1]})
OUTSIDE = pd.DataFrame({"image": [1, 7], "product_id": [90, 91], "category_id": [40, 40]})


def test_products_outside_and_those_that_left_claim_the_pictures_that_stay():
    claims = claims_of_others(OUTSIDE, IMAGES, pd.DataFrame({"product_id": [1, 3]}))
    assert sorted(claims["product_id"]) == [2, 90]


def test_a_picture_that_left_with_its_product_is_claimed_by_nobody():
    claims = claims_of_others(OUTSIDE, IMAGES, pd.DataFrame({"product_id": [1, 2]}))
    assert not np.isin([3, 90, 91], claims["product_id"]).any()
