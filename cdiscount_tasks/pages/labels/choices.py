"""The label page's choices: which rows and pictures illustrate a count. Data frames in, keys of pictures out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cdiscount_tasks.pages.labels.rows import (
    Claim,
    Conflict,
    Copies,
    Fix,
    Group,
    LabelChoices,
    Listed,
    Member,
    NearPair,
    NearSide,
    Picture,
    Placeholder,
    RejectedKind,
    RejectedRow,
    Tie,
    picture_of,
)
from cdiscount_tasks.vocabulary import Reason

NUM_SHOWN = 12
NUM_LARGEST_GROUPS = 4
NUM_OTHER_GROUPS = 4
NUM_MEMBERS = 6
NUM_TIES = 3
NUM_CLAIMANTS = 4


def _describe_group(products: pd.DataFrame, images: pd.DataFrame) -> Group:
    """Describe one group from its products and images."""
    num_products = images.groupby("pixel_hash", sort=False)["product_id"].nunique()
    shared = num_products[num_products > 1].sort_values(ascending=False, kind="stable")
    first_of_picture = images.drop_duplicates("pixel_hash").set_index("pixel_hash")
    ties = [Tie(picture_of(first_of_picture.loc[look]), int(shared[look])) for look in shared.index[:NUM_TIES]]
    # A member shows what is its own, where it has something: the shared picture is above already.
    own_first = images.assign(is_shared=images["pixel_hash"].isin(shared.index))
    own_first = own_first.sort_values(["product_id", "is_shared", "image_number"]).drop_duplicates("product_id")
    members = [
        Member(picture_of(row), int(row["class_index"])) for row in own_first.head(NUM_MEMBERS).to_dict("records")
    ]
    return Group(
        group_id=int(products["group_id"].iloc[0]),
        split=str(products["split"].iloc[0]),
        num_products=len(products),
        num_images=len(images),
        ties=Listed(ties, len(shared)),
        members=Listed(members, len(products)),
    )


def choose_groups(products: pd.DataFrame, images: pd.DataFrame) -> tuple[Listed[Group], Listed[Group]]:
    """Choose the largest groups, and some others of several products; the same sample shows the same ones.

    Args:
        products: labels/products.parquet.
        images: labels/images.parquet.
    """
    sizes = products.groupby("group_id").size().rename("size").reset_index()
    several = sizes[sizes["size"] > 1].sort_values(["size", "group_id"], ascending=[False, True])["group_id"].to_numpy()
    largest, rest = several[:NUM_LARGEST_GROUPS], several[NUM_LARGEST_GROUPS:]
    others = np.sort(np.random.default_rng(0).choice(rest, min(NUM_OTHER_GROUPS, len(rest)), replace=False))
    chosen = products[products["group_id"].isin([*largest, *others])]
    of_chosen = images[images["product_id"].isin(chosen["product_id"])]

    def describe(group_ids: np.ndarray) -> list[Group]:
        members = [chosen[chosen["group_id"] == group_id] for group_id in group_ids]
        return [
            _describe_group(group, of_chosen[of_chosen["product_id"].isin(group["product_id"])]) for group in members
        ]

    return Listed(describe(largest), len(several)), Listed(describe(others), len(rest))


def count_group_sizes(products: pd.DataFrame) -> list[tuple[str, int]]:
    """Count the groups by their number of products."""
    sizes = products.groupby("group_id").size()
    bounds = [(1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 50), (51, None)]
    counted = [
        (f"{low}" if low == high else f"{low}+" if high is None else f"{low}-{high}",
         int(((sizes >= low) & (sizes <= (high or np.inf))).sum()))
        for low, high in bounds
    ]  # fmt: skip
    while len(counted) > 1 and not counted[-1][1]:
        counted.pop()
    return counted


def _claims_of(claims: pd.DataFrame) -> list[Claim]:
    """Gather the claims of one picture (product_id, category_id) by category, that of most products first."""
    by_category = claims.groupby("category_id")["product_id"].unique()
    found = [
        Claim(int(category_id), Listed([int(one) for one in sorted(ids)[:NUM_CLAIMANTS]], len(ids)))
        for category_id, ids in zip(by_category.index.tolist(), by_category, strict=True)
    ]
    return sorted(found, key=lambda claim: (-claim.product_ids.num_all, claim.category_id))


def choose_conflicts(conflicts: pd.DataFrame, claims: pd.DataFrame, images: pd.DataFrame) -> Listed[Conflict]:
    """Choose conflicting pictures: of each decision in turn those that most products claim.

    Args:
        conflicts: content_hash, decision.
        claims: content_hash, product_id, category_id.
        images: labels/images.parquet.
    """
    where = images[images["content_hash"].isin(conflicts["content_hash"])].drop_duplicates("content_hash")
    where = where[["content_hash", "pixel_hash", "product_id", "image_number"]]
    # Other bytes with the same pixels are the same picture to the eye.
    rows = conflicts.merge(where, on="content_hash").drop_duplicates("pixel_hash")
    num_products = claims.groupby("content_hash")["product_id"].nunique()
    rows["num_products"] = rows["content_hash"].map(num_products).fillna(0).astype(int)
    rows = rows.sort_values(["num_products", "product_id", "image_number"], ascending=[False, True, True])
    rows["turn"] = rows.groupby("decision").cumcount()
    chosen = rows.sort_values(["turn", "num_products", "product_id"], ascending=[True, False, True]).head(NUM_SHOWN)
    chosen = chosen.sort_values(["num_products", "product_id", "image_number"], ascending=[False, True, True])
    found = [
        Conflict(
            picture=picture_of(row),
            decision=str(row["decision"]),
            num_products=int(row["num_products"]),
            claims=_claims_of(claims[claims["content_hash"] == row["content_hash"]]),
        )
        for row in chosen.to_dict("records")
    ]
    return Listed(found, len(rows))


def choose_copies(images: pd.DataFrame) -> Listed[Copies]:
    """Choose the pictures that occur most often in the sample.

    Args:
        images: labels/images.parquet.
    """
    counts = images["pixel_hash"].value_counts(sort=False)
    first = images[images["pixel_hash"].isin(counts.index[counts > 1])].drop_duplicates("pixel_hash")
    first = first.assign(num_images=first["pixel_hash"].map(counts))
    chosen = first.sort_values(["num_images", "product_id", "image_number"], ascending=[False, True, True])
    found = []
    for row in chosen.head(NUM_SHOWN).to_dict("records"):
        same = images[images["pixel_hash"] == row["pixel_hash"]]
        class_indices = sorted(int(class_index) for class_index in same["class_index"].unique())
        num_products = int(same["product_id"].nunique())
        found.append(Copies(picture_of(row), len(same), num_products, str(row["split"]), class_indices))
    return Listed(found, len(first))


def choose_placeholders(rejected: pd.DataFrame) -> Listed[Placeholder]:
    """Choose the placeholders of most products, one of each that has other bytes.

    Args:
        rejected: product_id, reason, picture_number, content_hash.
    """
    rows = rejected[(rejected["reason"] == Reason.PICTURE_OF_MANY_PRODUCTS) & rejected["content_hash"].notna()]
    found = [
        Placeholder(Picture(int(same["product_id"].iloc[0]), int(same["picture_number"].iloc[0])),
                    frozenset(int(product_id) for product_id in same["product_id"]))
        for _, same in rows.groupby("content_hash", sort=False)
    ]  # fmt: skip
    found.sort(key=lambda one: (-len(one.product_ids), one.picture))
    return Listed(found[: 2 * NUM_SHOWN], len(found))


def _with_reasons_of_images(rejected: pd.DataFrame) -> pd.DataFrame:
    """Say of a product without an image what is wrong with each of its images."""
    products = rejected.loc[rejected["reason"] == Reason.NO_IMAGE_LEFT, "product_id"]
    images = rejected[rejected["image_number"].notna() & rejected["product_id"].isin(products)]
    images = images.sort_values(["product_id", "image_number"])
    spoken = images["reason"].replace({Reason.PICTURE_OF_MANY_PRODUCTS: "placeholder"})
    spoken = spoken.str.removeprefix("picture_").str.replace("_", " ")
    details = ("picture " + (images["image_number"] + 1).astype(str) + ": " + spoken).groupby(images["product_id"])
    reasons = rejected["product_id"].map(details.agg("; ".join))
    has_none = (rejected["reason"] == Reason.NO_IMAGE_LEFT) & reasons.notna()
    return rejected.assign(detail=rejected["detail"].mask(has_none, reasons))


def choose_rejected(rejected: pd.DataFrame) -> list[RejectedKind]:
    """Choose the first rows of each reason; placeholders are counted here and shown in their own section.

    Args:
        rejected: stage, product_id, image_number, reason, detail, picture_number.
    """
    kinds = []
    rejected = _with_reasons_of_images(rejected)
    is_image = rejected["image_number"].notna().rename("of_images")
    for (stage, reason, of_images), rows in rejected.groupby(["stage", "reason", is_image]):
        first = rows.sort_values(["product_id", "image_number"]).head(NUM_SHOWN)
        shown = [
            RejectedRow(
                product_id=int(row["product_id"]),
                image_number=None if pd.isna(row["image_number"]) else int(row["image_number"]),
                detail=str(row["detail"]),
                picture=None
                if pd.isna(row["picture_number"])
                else Picture(int(row["product_id"]), int(row["picture_number"])),
            )
            for row in first.to_dict("records")
            if reason != Reason.PICTURE_OF_MANY_PRODUCTS
        ]
        kinds.append(RejectedKind(str(reason), str(stage), bool(of_images), Listed(shown, len(rows))))
    return sorted(kinds, key=lambda kind: (not kind.of_images, -kind.rows.num_all, kind.reason, kind.stage))


def choose_fixes(products: pd.DataFrame, images: pd.DataFrame) -> Listed[Fix]:
    """Choose products that people relabelled, then those that they took out, then those that they confirmed.

    A fixed product of which copies contradict every picture is no longer known from the tables: counts.json has it.

    Args:
        products: labels/products.parquet.
        images: labels/images.parquet.
    """
    fixed = products[products["rule"].isin(["human_fix", "human_exclusion"])]
    is_same = (fixed["label"] == fixed["category_id"]).fillna(False).astype(bool)
    turn = np.where(fixed["label"].isna(), 1, np.where(is_same, 2, 0))
    shown = fixed.assign(turn=turn).sort_values(["turn", "product_id"]).head(NUM_SHOWN)
    first = images[images["product_id"].isin(shown["product_id"])].drop_duplicates("product_id")
    found = [
        Fix(
            picture=picture_of(row),
            split=str(row["split"]),
            category_id=int(row["category_id"]),
            label=None if pd.isna(row["label"]) else int(row["label"]),
        )
        for row in shown.merge(first[["product_id", "image_number"]], on="product_id").to_dict("records")
    ]
    return Listed(found, len(fixed))


def _near_side(row: Mapping[str, Any]) -> NearSide:
    return NearSide(picture_of(row), str(row["split"]), int(row["class_index"]))


def choose_near_duplicates(found: Mapping[str, Any] | None) -> Listed[NearPair]:
    """Choose pairs of near-duplicates: those across two splits first, then the most alike.

    Args:
        found: The certificate's near_duplicates; None: they were not looked for.
    """
    if found is None:
        return Listed([], 0)
    pairs = [
        NearPair(int(pair["distance"]), _near_side(pair["first"]), _near_side(pair["second"]))
        for pair in found["examples"]
    ]
    pairs.sort(key=lambda pair: (pair.first.split == pair.second.split, pair))
    return Listed(pairs[:NUM_SHOWN], int(found["num_pairs"]))


def choose_all(
    products: pd.DataFrame,
    images: pd.DataFrame,
    conflicts: pd.DataFrame,
    claims: pd.DataFrame,
    rejected: pd.DataFrame,
    near_duplicates: Mapping[str, Any] | None,
) -> LabelChoices:
    """Choose what the label page shows; the arguments are described at the functions that choose from them."""
    largest, others = choose_groups(products, images)
    return LabelChoices(
        largest_groups=largest,
        other_groups=others,
        group_sizes=count_group_sizes(products),
        near_duplicates=choose_near_duplicates(near_duplicates),
        conflicts=choose_conflicts(conflicts, claims, images),
        decisions={str(decision): int(n) for decision, n in conflicts["decision"].value_counts().sort_index().items()},
        copies=choose_copies(images),
        placeholders=choose_placeholders(rejected),
        rejected=choose_rejected(rejected),
        fixes=choose_fixes(products, images),
    )
