import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index import copies as index_copies
from cdiscount_tasks.index.copies import NUM_LARGEST
from cdiscount_tasks.index.profile import QUANTILES, profile_index
from cdiscount_tasks.tables import parquet, schemas

IMAGE_COLUMNS = schemas.IMAGES.names


def read(index_dir, name, schema):
    return parquet.read_table(index_dir / f"{name}.parquet", schema).to_pylist()


def slow_conflicts(images):
    """List every picture with several categories, the largest first, as plain as it can be."""
    found = []
    for digest, rows in by_hash(images).items():
        counts = Counter(row["category_id"] for row in rows)
        if len(counts) > 1:
            commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NUM_LARGEST]
            found.append(
                {
                    "content_hash": digest.hex(),
                    "num_images": len(rows),
                    "num_products": len({row["product_id"] for row in rows}),
                    "num_categories": len(counts),
                    "categories": [{"category_id": category, "num_images": n} for category, n in commonest],
                }
            )
    return sorted(found, key=lambda one: (-one["num_images"], -one["num_categories"], one["content_hash"]))


def by_hash(images):
    groups = defaultdict(list)
    for row in images:
        groups[row["content_hash"]].append(row)
    return groups


def slow_categories(products, images):
    ids = sorted({row["category_id"] for row in products} - {None})
    hashes = {category: {row["content_hash"] for row in images if row["category_id"] == category} for category in ids}
    return [
        {
            "category_id": category,
            "num_products": sum(row["category_id"] == category for row in products),
            "num_images": sum(row["category_id"] == category for row in images),
            "num_copies": sum(row["category_id"] == category for row in images) - len(hashes[category]),
        }
        for category in ids
    ]


def check(index_dir):
    """Compare a profile with the slow reference, part by part."""
    products = read(index_dir, "products", schemas.PRODUCTS)
    images = read(index_dir, "images", schemas.IMAGES)
    rejected = read(index_dir, "rejected", schemas.REJECTED)
    groups = by_hash(images)
    found = profile_index(index_dir)
    assert (found["num_products"], found["num_images"]) == (len(products), len(images))
    assert found["categories"] == slow_categories(products, images)
    counts = Counter(row["num_images"] for row in products)
    assert found["images_per_product"] == [{"num_images": n, "num_products": counts[n]} for n in range(5)]
    sharing = {
        row["product_id"]
        for rows in groups.values()
        for row in rows
        if len({other["product_id"] for other in rows}) > 1
    }
    copies = found["copies"]
    assert (copies["num_distinct"], copies["num_copies"]) == (len(groups), len(images) - len(groups))
    assert copies["num_products_sharing"] == len(sharing)
    for times in copies["repetitions"]:
        last = times["to"] or float("inf")
        assert times["num_distinct"] == sum(times["from"] <= len(rows) <= last for rows in groups.values())
    conflicts = slow_conflicts([row for row in images if row["category_id"] is not None])
    assert found["num_without_category"] == sum(row["category_id"] is None for row in products)
    assert found["conflicts"]["num_distinct"] == len(conflicts)
    assert found["conflicts"]["num_images"] == sum(one["num_images"] for one in conflicts)
    assert found["conflicts"]["largest"] == conflicts[:NUM_LARGEST]
    lengths = sorted(row["length"] for row in images)
    assert found["bytes"]["mean"] == pytest.approx(np.mean(lengths), abs=0.1)
    assert [row["bytes"] for row in found["bytes"]["quantiles"]] == [
        lengths[int(share * (len(lengths) - 1))] for share in QUANTILES
    ]
    assert sum(found["bytes"]["histogram"]["counts"]) == len(images)
    sizes = Counter((row["width"], row["height"]) for row in images)
    assert found["pixels"]["num_sizes"] == len(sizes)
    assert [(s["width"], s["height"]) for s in found["pixels"]["commonest"]] == [
        size for size, _ in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:NUM_LARGEST]
    ]
    for what, is_image in (("documents", False), ("images", True)):
        rows = [row for row in rejected if (row["image_number"] is not None) == is_image]
        assert found["rejected"][what] == Counter(row["reason"] for row in rows)
    return found


def write_index(
    index_dir: Path, seed=0, num_products=400, num_pictures=150, num_categories=9, rows_per_group=97, nameless=0.0
):
    """Write an index of random products that draw their pictures from a few: copies and conflicts abound."""
    random = np.random.default_rng(seed)
    index_dir.mkdir(parents=True)
    hashes = [random.bytes(16) for _ in range(num_pictures)]
    # The same eight bytes in front: both halves of a hash must be looked at.
    hashes[1:4] = [hashes[0][:8] + random.bytes(8) for _ in range(3)]
    ids = sorted((int(random.integers(num_categories)) * 7 + 3, i) for i in random.permutation(num_products).tolist())
    products, images = [], []
    for category_id, product_id in ids:
        category = None if random.random() < nameless else category_id
        count = int(random.integers(0, 5))
        products.append(
            {"product_id": product_id, "category_id": category, "num_images": count, "offset": 0, "length": 9}
        )
        for number in range(count):
            size = int(random.integers(40, 43))
            values = [product_id, number, category, 0, int(random.gamma(3, 900)) + 1, size, 40]
            digest = hashes[int(num_pictures * random.random() ** 2)]
            images.append(dict(zip(IMAGE_COLUMNS, [*values, digest], strict=True)))
    order = ("category_id", "product_id", "image_number")
    for rows in (products, images):
        rows.sort(key=lambda row: (row["category_id"] is None, *(row.get(name) or 0 for name in order)))
    for name, rows, schema in (
        ("products", products, schemas.PRODUCTS),
        ("images", images, schemas.IMAGES),
        ("rejected", [], schemas.REJECTED),
    ):
        columns = {column: [row[column] for row in rows] for column in schema.names}
        parquet.write_table(index_dir / f"{name}.parquet", columns, schema, rows_per_group)
    return index_dir


def test_the_tiny_catalogue_is_counted_as_by_hand(index_dir):
    found = check(index_dir)
    assert found["conflicts"]["num_distinct"] == 2
    assert found["copies"]["num_copies"] > 0
    assert found["rejected"]["documents"]["imgs_too_many"] == 1


@pytest.mark.parametrize("seed", range(6))
def test_any_index_is_counted_as_by_hand(tmp_path, seed):
    check(write_index(tmp_path / "index", seed, num_categories=1 + 4 * seed, num_pictures=20 + 60 * seed))


def test_hashes_are_counted_the_same_in_many_slices(index_dir, monkeypatch):
    monkeypatch.setattr(index_copies, "_PICTURES_PER_SLICE", 3)
    check(index_dir)


def test_row_groups_do_not_change_the_counts(tmp_path):
    whole = profile_index(write_index(tmp_path / "whole", rows_per_group=100_000))
    for rows in (1, 7, 128):
        assert profile_index(write_index(tmp_path / f"{rows}", rows_per_group=rows)) == whole


def test_a_catalogue_without_categories_has_copies_and_no_conflicts(tmp_path):
    found = check(write_index(tmp_path / "index", nameless=1.0))
    assert found["categories"] == []
    assert found["copies"]["num_copies"] > 0
    assert found["conflicts"] == {"num_distinct": 0, "share_of_distinct": 0.0, "num_images": 0, "largest": []}


@pytest.mark.parametrize(("share", "rows_per_group"), [(0.02, 97), (0.4, 97), (0.4, 1), (0.4, 100_000), (0.98, 97)])
def test_products_without_a_category_are_counted_and_in_no_category_and_no_conflict(tmp_path, share, rows_per_group):
    found = check(write_index(tmp_path / "index", 3, nameless=share, rows_per_group=rows_per_group))
    assert 0 < found["num_without_category"] < found["num_products"]


def test_a_profile_is_json_and_the_same_each_time(index_dir):
    first = json.dumps(profile_index(index_dir), allow_nan=False)
    assert first == json.dumps(profile_index(index_dir))


def test_products_without_any_picture_make_an_empty_profile(tmp_path):
    index_dir = write_index(tmp_path / "index", num_products=5)
    for name, schema in (("images", schemas.IMAGES), ("products", schemas.PRODUCTS)):
        parquet.write_table(index_dir / f"{name}.parquet", {column: [] for column in schema.names}, schema)
    found = profile_index(index_dir)
    assert (found["num_images"], found["bytes"]["mean"], found["copies"]["num_distinct"]) == (0, None, 0)


def test_one_huge_picture_leaves_the_histogram_legible(tmp_path):
    index_dir = write_index(tmp_path / "index")
    table = parquet.read_table(index_dir / "images.parquet", schemas.IMAGES).to_pandas()
    table.loc[0, "length"] = 9_000_000
    parquet.write_table(index_dir / "images.parquet", table, schemas.IMAGES)
    histogram = profile_index(index_dir)["bytes"]["histogram"]
    assert histogram["bin_bytes"] <= 1024 and sum(histogram["counts"]) == len(table)


def test_a_table_that_is_missing_is_told(tmp_path):
    index_dir = write_index(tmp_path / "index")
    (index_dir / "images.parquet").unlink()
    with pytest.raises(DataError, match=r"images\.parquet: is missing"):
        profile_index(index_dir)
