import pandas as pd

from cdiscount_tasks.pages.labels import choices as label_choices
from cdiscount_tasks.pages.labels.rows import Claim, Listed, Picture


def make_images(*rows):
    """Rows of product_id, image_number, picture; the class is the product's hundreds."""
    table = pd.DataFrame(rows, columns=["product_id", "image_number", "picture"])
    looks = [bytes([picture]) * 16 for picture in table["picture"]]
    return table.assign(content_hash=looks, pixel_hash=looks, class_index=table["product_id"] // 100, split="train")


def make_products(**group_of):
    """Products p1=group."""
    ids = [int(name[1:]) for name in group_of]
    return pd.DataFrame(
        {
            "product_id": ids,
            "category_id": [10 * (one // 100) for one in ids],
            "label": pd.array([10 * (one // 100) for one in ids], "Int64"),
            "class_index": [one // 100 for one in ids],
            "group_id": list(group_of.values()),
            "split": "train",
            "rule": "as_given",
        }
    )


def make_conflict(picture, decision, product_ids):
    content_hash = bytes([picture]) * 16
    conflict = {"content_hash": content_hash, "decision": decision}
    claims = [{"content_hash": content_hash, "product_id": one, "category_id": one // 100} for one in product_ids]
    return conflict, claims


def choose_conflicts(*conflicts):
    rows, claims = zip(*conflicts, strict=True)
    images = make_images(*((claim[0]["product_id"], 0, claim[0]["content_hash"][0]) for claim in claims))
    return label_choices.choose_conflicts(
        pd.DataFrame(rows), pd.DataFrame([row for rows_of in claims for row in rows_of]), images
    )


def make_rejected(*rows):
    """Rows of product_id, image_number, reason, and the picture (None: the sample does not hold it)."""
    table = pd.DataFrame(rows, columns=["product_id", "image_number", "reason", "picture"])
    table = table.astype({"product_id": "Int64", "image_number": "Int8"})
    number = table["image_number"].fillna(0).where(table["picture"].notna())
    hashes = [None if pd.isna(picture) else bytes([int(picture)]) * 16 for picture in table["picture"]]
    return table.assign(stage="labels", detail="found", picture_number=number, content_hash=hashes)


def test_a_group_is_shown_with_the_picture_that_ties_it():
    images = make_images((1, 0, 7), (2, 0, 8), (2, 1, 7), (3, 0, 9))
    largest, others = label_choices.choose_groups(make_products(p1=1, p2=1, p3=3), images)
    assert (largest.num_all, others.num_all) == (1, 0)
    assert largest.shown[0].ties.shown == [(Picture(1, 0), 2)]


def test_a_member_shows_a_picture_of_its_own_where_it_has_one():
    images = make_images((1, 0, 7), (1, 1, 6), (2, 0, 7))
    largest, _ = label_choices.choose_groups(make_products(p1=1, p2=1), images)
    assert [member.picture for member in largest.shown[0].members.shown] == [Picture(1, 1), Picture(2, 0)]


def test_a_group_without_a_shared_picture_has_no_tie():
    largest, _ = label_choices.choose_groups(make_products(p1=1, p2=1), make_images((1, 0, 7), (2, 0, 8)))
    assert largest.shown[0].ties == ([], 0)


def test_other_groups_are_none_of_the_largest_and_always_the_same():
    products = make_products(**{f"p{one}": one // 2 * 2 for one in range(2, 62)})
    images = make_images(*((one, 0, one // 2) for one in range(2, 62)))
    largest, others = label_choices.choose_groups(products, images)
    shown = {group.group_id for group in others.shown}
    assert len(shown) == 4 and not shown & {group.group_id for group in largest.shown}
    assert label_choices.choose_groups(products, images)[1] == others


def test_group_sizes_add_up_to_all_groups_and_end_at_the_largest():
    products = make_products(p1=1, p2=1, p3=3, p4=4, p5=4, p6=4, p7=4)
    assert label_choices.count_group_sizes(products) == [("1", 1), ("2", 1), ("3", 0), ("4-5", 1)]


def test_conflicts_of_most_products_come_first():
    chosen = choose_conflicts(make_conflict(1, "kept", [100, 200]), make_conflict(2, "kept", [101, 102, 201]))
    assert [conflict.num_products for conflict in chosen.shown] == [3, 2]


def test_a_conflict_tells_which_products_claim_each_category():
    chosen = choose_conflicts(make_conflict(1, "kept", [202, 100, 201]))
    assert chosen.shown[0].claims == [Claim(2, Listed([201, 202], 2)), Claim(1, Listed([100], 1))]


def test_of_many_products_with_one_claim_the_first_are_named():
    chosen = choose_conflicts(make_conflict(1, "kept", [100, *range(200, 209)]))
    assert chosen.shown[0].claims[0] == Claim(2, Listed([200, 201, 202, 203], 9))


def test_every_decision_is_shown_however_many_conflicts_another_has():
    dropped = [make_conflict(one, "dropped_from_training", [100 + one, 200 + one, 300 + one]) for one in range(20)]
    chosen = choose_conflicts(*dropped, make_conflict(99, "settled_by_fix", [199, 299]))
    assert (len(chosen.shown), chosen.num_all) == (12, 21)
    assert "settled_by_fix" in {conflict.decision for conflict in chosen.shown}


def test_pictures_with_other_bytes_and_the_same_pixels_are_one_conflict():
    (one, claims), (twin, others) = make_conflict(1, "kept", [100, 200]), make_conflict(2, "kept", [100, 200])
    images = make_images((100, 0, 1), (200, 0, 2)).assign(pixel_hash=b"same")
    chosen = label_choices.choose_conflicts(pd.DataFrame([one, twin]), pd.DataFrame(claims + others), images)
    assert chosen.num_all == 1


def test_the_most_repeated_picture_comes_first_and_single_ones_never():
    images = make_images((1, 0, 5), (2, 0, 6), (3, 0, 6), (103, 0, 6), (4, 0, 7), (4, 1, 7))
    copies = label_choices.choose_copies(images)
    assert [(one.picture, one.num_images, one.num_products) for one in copies.shown] == [
        (Picture(2, 0), 3, 3),
        (Picture(4, 0), 2, 1),
    ]
    assert copies.shown[0].class_indices == [0, 1]


def test_a_placeholder_stands_once_with_all_its_products():
    rows = [(one, 0, "picture_of_many_products", 7) for one in range(5)] + [(9, 0, "picture_damaged", 8)]
    placeholders = label_choices.choose_placeholders(make_rejected(*rows))
    assert [(one.picture, len(one.product_ids)) for one in placeholders.shown] == [(Picture(0, 0), 5)]


def test_rejected_rows_are_bounded_and_counted_by_reason():
    kinds = label_choices.choose_rejected(make_rejected(*((one, 0, "picture_damaged", 7) for one in range(30))))
    assert [(kind.reason, len(kind.rows.shown), kind.rows.num_all) for kind in kinds] == [("picture_damaged", 12, 30)]


def test_a_rejected_picture_that_the_sample_lacks_has_none_to_show():
    (kind,) = label_choices.choose_rejected(make_rejected((1, 2, "picture_empty", None)))
    assert kind.rows.shown[0].picture is None and kind.rows.shown[0].image_number == 2


def test_a_product_without_images_says_what_is_wrong_with_each():
    rows = [(1, 0, "picture_damaged", 7), (1, 1, "picture_of_many_products", 8), (1, None, "no_image_left", 7)]
    products = [kind for kind in label_choices.choose_rejected(make_rejected(*rows)) if not kind.of_images]
    assert products[0].rows.shown[0].detail == "picture 1: damaged; picture 2: placeholder"


def test_nothing_rejected_is_an_empty_list():
    assert label_choices.choose_rejected(make_rejected()) == []


def test_near_duplicates_across_splits_come_first():
    def side(product_id, split):
        return {"product_id": product_id, "image_number": 0, "split": split, "class_index": 0}

    examples = [
        {"distance": 0, "first": side(1, "train"), "second": side(2, "train")},
        {"distance": 2, "first": side(3, "train"), "second": side(4, "test")},
    ]
    pairs = label_choices.choose_near_duplicates({"num_pairs": 9, "examples": examples})
    assert [pair.distance for pair in pairs.shown] == [2, 0] and pairs.num_all == 9


def test_near_duplicates_that_were_not_looked_for_are_none():
    assert label_choices.choose_near_duplicates(None) == ([], 0)


def test_relabelled_products_come_before_those_taken_out():
    products = make_products(p1=1, p2=2, p3=3)
    products["rule"] = ["human_exclusion", "human_fix", "as_given"]
    products["label"] = pd.array([pd.NA, 10, 0], "Int64")
    fixes = label_choices.choose_fixes(products, make_images((1, 0, 5), (2, 0, 6), (3, 0, 7)))
    assert [(fix.picture.product_id, fix.label) for fix in fixes.shown] == [(2, 10), (1, None)]


def test_confirmed_products_come_last():
    products = make_products(p1=1, p101=2, p201=3)
    products["rule"] = ["human_fix", "human_exclusion", "human_fix"]
    products["label"] = pd.array([0, pd.NA, 0], "Int64")
    fixes = label_choices.choose_fixes(products, make_images((1, 0, 5), (101, 0, 6), (201, 0, 7)))
    assert [fix.picture.product_id for fix in fixes.shown] == [201, 101, 1]


def test_an_empty_sample_of_faults_chooses_nothing():
    images = make_images((1, 0, 5), (2, 0, 6))
    conflicts = pd.DataFrame({"content_hash": [], "decision": []}, dtype=object)
    claims = pd.DataFrame({"content_hash": [], "product_id": [], "category_id": []}, dtype=object)
    choices = label_choices.choose_all(make_products(p1=1, p2=2), images, conflicts, claims, make_rejected(), None)
    assert list(choices.pictures()) == []
