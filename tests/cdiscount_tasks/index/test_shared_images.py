from collections import defaultdict

import numpy as np
import pytest

from cdiscount_tasks.index import copies
from cdiscount_tasks.index.shared_images import shared_images
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.schemas import IMAGES


def slow_shared(images):
    """Return the sets of products that share an image, as plain as it can be."""
    products = defaultdict(set)
    for row in images:
        products[row["content_hash"]].add(row["product_id"])
    return sorted(sorted(ids) for ids in products.values() if len(ids) > 1)


def found_in(index_dir):
    product_ids, images = shared_images(index_dir)
    products = defaultdict(list)
    for product_id, image in zip(product_ids.tolist(), images.tolist(), strict=True):
        products[image].append(product_id)
    assert sorted(products) == list(range(len(products)))
    return sorted(map(sorted, products.values()))


def image_rows(rng, num_products, num_hashes):
    """Return rows of the index's images, sorted as it has them, in two categories and with many copies."""
    rows = []
    for product_id in range(num_products):
        for number in range(rng.integers(1, 5)):
            digest = int(rng.integers(num_hashes)).to_bytes(2, "little") * 8
            rows.append((product_id, number, product_id * 2 // num_products, 10 * product_id, 9, 8, 8, digest))
    return dict(zip(IMAGES.names, map(list, zip(*rows, strict=True)), strict=True))


def test_shared_images_of_the_tiny_catalogue_are_those_that_were_planted(index_dir):
    expected = slow_shared(read_table(index_dir / "images.parquet", IMAGES).to_pylist())
    assert [302, 303] in expected
    assert found_in(index_dir) == expected


@pytest.mark.parametrize(
    ("num_hashes", "rows_per_slice", "rows_per_group"),
    [(300, 1 << 20, 1 << 17), (300, 16, 64), (40, 16, 7), (60_000, 64, 64), (1, 16, 16)],
)
def test_shared_images_are_found_whatever_is_read_at_once(
    tmp_path, monkeypatch, num_hashes, rows_per_slice, rows_per_group
):
    monkeypatch.setattr(copies, "_PICTURES_PER_SLICE", rows_per_slice)
    columns = image_rows(np.random.default_rng(1), 200, num_hashes)
    write_table(tmp_path / "images.parquet", columns, IMAGES, rows_per_group)
    assert found_in(tmp_path) == slow_shared(read_table(tmp_path / "images.parquet", IMAGES).to_pylist())


def test_hashes_that_agree_in_their_first_half_are_not_the_same(tmp_path):
    digests = [bytes(8) + bytes([number]) * 8 for number in (1, 2, 1, 3)]
    columns = {name: [1] * 4 for name in IMAGES.names}
    columns |= {"product_id": [1, 2, 3, 4], "category_id": [None] * 4, "content_hash": digests}
    write_table(tmp_path / "images.parquet", columns, IMAGES)
    assert found_in(tmp_path) == [[1, 3]]


def test_an_index_without_images_shares_none(tmp_path):
    write_table(tmp_path / "images.parquet", IMAGES.empty_table(), IMAGES)
    assert [len(part) for part in shared_images(tmp_path)] == [0, 0]
