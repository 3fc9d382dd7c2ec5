from collections import Counter

import pytest

from demo.plan import MIN_PRODUCTS, class_sizes, count, plan_catalogue


@pytest.mark.parametrize("num_products", [300, 2500, 3600])
@pytest.mark.parametrize("seed", [0, 1])
def test_shares_are_the_real_ones_at_every_size(num_products: int, seed: int) -> None:
    counts = count(plan_catalogue(num_products, seed))
    assert 1.7 < counts["num_images"] / num_products < 1.8
    assert 0.36 < counts["num_identical_copies"] / counts["num_images"] < 0.385
    assert counts["num_copies_across_products"] <= counts["num_identical_copies"] / 2
    assert 0.01 < counts["num_conflicting_images"] / counts["num_distinct_images"] < 0.02
    assert counts["num_refused_documents"] < 0.007 * counts["num_documents"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_group_of_products_that_share_images_exceeds_a_twentieth_of_its_class(seed: int) -> None:
    plan = plan_catalogue(3600, seed)
    group = list(range(len(plan.products)))
    first_place: dict[int | None, int] = {}
    for place, product in enumerate(plan.products):
        for picture in product.pictures:
            old, new = group[place], group[first_place.setdefault(picture, place)]
            group = [new if one == old else one for one in group] if old != new else group
    num_products = Counter(product.class_number for product in plan.products)
    members = Counter(group)
    for place, product in enumerate(plan.products):
        assert members[group[place]] <= 0.05 * num_products[product.class_number] or members[group[place]] <= 2


def test_classes_have_the_real_proportions_and_never_fewer_than_eight_products() -> None:
    sizes = class_sizes(3600)
    assert sizes[0] / sum(sizes[:5]) == pytest.approx(0.556, abs=0.001)
    assert sizes[5] / sum(sizes[5:10]) == pytest.approx(0.556, abs=0.001)
    assert sum(sizes) == 3600
    assert min(class_sizes(MIN_PRODUCTS)[:10]) == 8
