"""What is learnt from: human fixes, then conflicts. None of it touches what is measured."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling.fix_rows import FIX_COLUMNS, Classes, FixRow, read_fix_rows, settle
from cdiscount_tasks.vocabulary import TRAIN

_NUM_TOLD = 10
_OF_PRODUCT = ("category_id", "label", "split")

# The closed list of `rule` in labels/products.parquet.
AS_GIVEN, HUMAN_FIX, HUMAN_EXCLUSION, MAJORITY, ALL_IMAGES_CONFLICT = (
    "as_given", "human_fix", "human_exclusion", "majority", "all_images_conflict",
)  # fmt: skip
# The closed list of `decision` in labels/conflicts.parquet.
DROPPED, KEPT, RELABELLED, SETTLED, NOT_IN_TRAIN = (
    "dropped_from_training", "kept", "relabelled", "settled_by_fix", "not_in_train",
)  # fmt: skip


def read_fixes(
    path: Path,
    class_ids: Collection[int],
    left_out: Collection[int] = (),
    names: Mapping[int, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Read people's corrections.

    Args:
        path: CSV with product_id, category_id (empty: not to be learnt from), reason, and `verdict` where rows come
            from a list of suspects. A row of a list that was not looked at, or whose catalogue is right, fixes nothing.
        class_ids: The sample's categories.
        left_out: Those that were too small to stay.
        names: Of all of these, the narrowest last: a unique one may stand in place of an id.

    Returns:
        Columns product_id (int64), category_id (Int64, missing: excluded), reason, line.

    Raises:
        DataError: If a column is missing, a value is none, a category is not of the sample, a verdict and a category
            contradict each other, or a product has two rows.
    """
    classes = Classes(class_ids, left_out, names or {})
    seen: dict[int, tuple[FixRow, int | None]] = {}
    rows = []
    for row in read_fix_rows(path):
        fixes, category_id = settle(row, classes, path)
        if row.is_open:
            continue
        first, before = seen.setdefault(row.product_id, (row, category_id))
        if first is row:
            rows += [(row.product_id, category_id, row.reason, row.line)] if fixes else []
        elif (first.verdict, before) != (row.verdict, category_id) or not row.verdict:
            raise DataError(
                f"{path}: line {row.line} names product {row.product_id} a second time (first on line {first.line}); "
                "leave one of them"
            )
    table = pd.DataFrame(rows, columns=[*FIX_COLUMNS, "line"]).astype({"product_id": "int64", "reason": object})
    return table.assign(category_id=pd.array([row[1] for row in rows], "Int64"))


def _told(sentences: Iterable[str]) -> list[str]:
    """Return the first sentences, and how many more there are."""
    found = list(sentences)
    more = len(found) - _NUM_TOLD
    return [*found[:_NUM_TOLD], f"fixes file: and {more} more such"] if more > 0 else found


def apply_fixes(products: pd.DataFrame, fixes: pd.DataFrame | None) -> tuple[pd.DataFrame, list[str]]:
    """Set `label` and `rule` from the given category and people's corrections.

    Args:
        products: Columns product_id, category_id; one row a product.
        fixes: What `read_fixes` gave, or None.

    Returns:
        The products with `label` (Int64, missing: not learnt from) and `rule`; a warning for each of the first unknown
        products, and how many more there are.
    """
    products = products.assign(label=products["category_id"].astype("Int64"), rule=AS_GIVEN)
    if fixes is None:
        return products, []
    known = fixes["product_id"].isin(products["product_id"])
    unknown = fixes[~known]
    warnings = _told(
        f"fixes file, line {row.line}: product {row.product_id} is not among the products that this sample keeps"
        for row in unknown.itertuples()
    )
    by_product = fixes[known].set_index("product_id")["category_id"]
    fixed = products["product_id"].isin(by_product.index)
    label = products["product_id"].map(by_product).astype("Int64")
    excluded = fixed & label.isna()
    products["label"] = products["label"].where(~fixed, label)
    products["rule"] = products["rule"].mask(fixed, HUMAN_FIX).mask(excluded, HUMAN_EXCLUSION)
    return products, warnings


class Conflicts(NamedTuple):
    """Images that several categories claim.

    Attributes:
        products: The products with `conflicted` (as given), and `label` and `rule` after the policy.
        learnt: bool by image row: whether training sees it.
        table: A row an image's content hash: content_hash, category_ids, product_ids, decision.
    """

    products: pd.DataFrame
    learnt: np.ndarray
    table: pd.DataFrame


def _claims(images: pd.DataFrame, outside: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return who claims which distinct image: columns image, product_id, category_id."""
    inside = images[["image", "product_id", column]].rename(columns={column: "category_id"})
    claims = pd.concat([inside, outside[["image", "product_id", "category_id"]]]).dropna()
    return claims.drop_duplicates().astype({"category_id": "int64"})


def _contested(claims: pd.DataFrame) -> np.ndarray:
    num_categories = claims.groupby("image")["category_id"].nunique()
    return num_categories.index[num_categories > 1].to_numpy()


def _majorities(claims: pd.DataFrame, of: str) -> pd.Series:
    """Return the category_id of most rows of each image or product; none where two lead.

    Args:
        claims: Columns category_id and `of`.
        of: "image" or "product_id".
    """
    votes = claims.groupby([of, "category_id"]).size().rename("votes").reset_index()
    best = votes.groupby(of)["votes"].transform("max")
    leaders = votes[votes["votes"] == best]
    return leaders.drop_duplicates(of, keep=False).set_index(of)["category_id"]


def _verdicts(images: pd.DataFrame, products: pd.DataFrame) -> pd.Series:
    """Return the category that people gave to products with an image, by image; none where they disagree."""
    fixed = products.loc[products["rule"] == HUMAN_FIX, "product_id"]
    given = images.loc[images["product_id"].isin(fixed), ["image", "label"]].drop_duplicates()
    return given.drop_duplicates("image", keep=False).set_index("image")["label"]


def _decision(rows: pd.DataFrame, has_verdict: bool, policy: str) -> str:
    """Tell what was done about a contested image of train, from its rows' labels and rules after the policy."""
    if not rows["is_open"].any():
        return SETTLED
    if policy == "drop_image":
        return SETTLED if has_verdict else DROPPED
    if policy == "keep" or rows["label"].nunique() > 1:
        return KEPT
    if has_verdict:
        return SETTLED
    return RELABELLED if (rows["rule"] == MAJORITY).any() else KEPT


def _contradicting(images: pd.DataFrame, label: pd.Series) -> np.ndarray:
    """Return which distinct images carry two labels; a product without one carries none.

    Args:
        images: Columns product_id, image.
        label: The label of each product_id.
    """
    num_labels = images["product_id"].map(label).groupby(images["image"]).nunique()
    return num_labels.index[num_labels > 1].to_numpy()


def _follow(products: pd.DataFrame, images: pd.DataFrame, winner: pd.Series) -> pd.DataFrame:
    """Let products of train follow most of their contested images, where that makes no new contradiction.

    Args:
        products: Columns product_id, label, rule.
        images: The rows of train: product_id, image, label, is_open (contested after fixes).
        winner: The category_id that leads in an image, by image.

    Returns:
        The products with `label` and `rule` of those that follow.
    """
    votes = images[images["is_open"]].assign(category_id=images["image"].map(winner))
    votes = votes.dropna(subset=["category_id", "label"])[["product_id", "category_id"]]
    new = products["product_id"].map(_majorities(votes, "product_id").astype("Int64"))
    follows = (new != products["label"]).fillna(False).astype(bool) & (products["rule"] != HUMAN_FIX)
    before = _contradicting(images, products.set_index("product_id")["label"])
    agreed = images[~images["image"].isin(before)]
    label = products["label"].mask(follows, new)
    # Who goes back may contradict another who followed: asked again until none does; fewer follow each time.
    while len(broken := _contradicting(agreed, label.set_axis(products["product_id"]))):
        follows &= ~products["product_id"].isin(agreed.loc[agreed["image"].isin(broken), "product_id"])
        label = products["label"].mask(follows, new)
    return products.assign(label=label, rule=products["rule"].mask(follows, MAJORITY))


def contradicted_fixes(products: pd.DataFrame, images: pd.DataFrame) -> list[str]:
    """Tell where people gave an image of train a category that another product with the same image does not have.

    Args:
        products: Columns product_id, label, rule, split, as `apply_fixes` left them.
        images: Columns product_id, image (which distinct image by pixels).

    Returns:
        A sentence for each fixed product and image, the first of them, and how many more there are.
    """
    rows = images[["product_id", "image"]].merge(products[["product_id", "label", "rule", "split"]], on="product_id")
    rows = rows[(rows["split"] == TRAIN) & rows["label"].notna()]
    fixed = rows[rows["rule"] == HUMAN_FIX]
    pairs = fixed.merge(rows, on="image", suffixes=("", "_other"))
    pairs = pairs[pairs["label"] != pairs["label_other"]].drop_duplicates(["product_id", "image"])
    return _told(
        f"fixes file: product {row.product_id} is given {row.label}, and product {row.product_id_other} with the same "
        f"picture is {row.label_other}{' by another fix' if row.rule_other == HUMAN_FIX else ''}: the two contradict "
        "each other, and `conflicts` in the sample's YAML decides what is learnt; give both products one category"
        for row in pairs.itertuples()
    )


def _without_emptied(products: pd.DataFrame, learnt: pd.Series) -> pd.DataFrame:
    """Take the label from products of train of which no image is left to be learnt; `learnt`: whose one is."""
    unlearnt = ~products["product_id"].isin(learnt) & (products["split"] == TRAIN)
    emptied = unlearnt & products["label"].notna()
    return products.assign(
        label=products["label"].mask(emptied), rule=products["rule"].mask(emptied, ALL_IMAGES_CONFLICT)
    )


def _with_given(products: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Add to each image the category, label and split of its product."""
    by_product = products.set_index("product_id")
    return images.assign(**{name: images["product_id"].map(by_product[name]) for name in _OF_PRODUCT})


def settle_conflicts(products: pd.DataFrame, images: pd.DataFrame, outside: pd.DataFrame, policy: str) -> Conflicts:
    """Find the images that several categories claim, and decide what training does with them.

    Args:
        products: Columns product_id, category_id, label, rule, split; one row a product.
        images: Columns product_id, content_hash, image (which distinct image by pixels); one row an image kept.
        outside: The same images in products that are not among these: image, product_id, category_id.
        policy: "drop_image", "keep" or "majority"; it acts on train alone. Where a person gave a product with the
            image its category, that category stands: "drop_image" keeps the image with it, and "majority" takes it.
            Nobody follows a majority where an image that train agreed on would then be learnt with two labels.
    """
    images = _with_given(products, images)
    given = _claims(images, outside, "category_id")
    contested = _contested(given)
    products = products.assign(
        conflicted=products["product_id"].isin(images.loc[images["image"].isin(contested), "product_id"])
    )
    # People's corrections may have settled some already, or made new ones.
    claims = _claims(images, outside, "label")
    open_images = _contested(claims)
    in_train = (images["split"] == TRAIN).to_numpy()
    is_open = images["image"].isin(open_images).to_numpy() & in_train
    learnt = in_train & images["label"].notna().to_numpy()
    verdicts = _verdicts(images, products)
    if policy == "drop_image":
        agrees = (images["label"] == images["image"].map(verdicts)).fillna(False).to_numpy(bool)
        learnt &= ~is_open | agrees
    elif policy == "majority":
        majorities = _majorities(claims[claims["category_id"].isin(products["category_id"])], "image")
        winner = verdicts.combine_first(majorities.astype("Int64"))
        products = _follow(products, images.assign(is_open=is_open)[in_train], winner)
    products = _without_emptied(products, images.loc[learnt, "product_id"])
    after = products.set_index("product_id").loc[images["product_id"], ["label", "rule"]].set_axis(images.index)
    rows = images[["image"]].assign(is_open=is_open, **after)[in_train & images["image"].isin(contested)]
    decisions: dict[Any, str] = {
        image: _decision(rows, image in verdicts.index, policy) for image, rows in rows.groupby("image")
    }
    return Conflicts(products, learnt, _conflict_table(images, given, contested, decisions))


def _conflict_table(
    images: pd.DataFrame, given: pd.DataFrame, contested: np.ndarray, decisions: dict[Any, str]
) -> pd.DataFrame:
    hashes = images.loc[images["image"].isin(contested), ["image", "content_hash"]].drop_duplicates("content_hash")
    claimed: dict[int, tuple[set[int], set[int]]] = {image: (set(), set()) for image in contested.tolist()}
    claims = given.loc[given["image"].isin(contested), ["image", "category_id", "product_id"]]
    for image, category_id, product_id in claims.to_numpy().tolist():
        claimed[image][0].add(category_id)
        claimed[image][1].add(product_id)
    return pd.DataFrame(
        {
            "content_hash": hashes["content_hash"].tolist(),
            "category_ids": [sorted(claimed[image][0]) for image in hashes["image"]],
            "product_ids": [sorted(claimed[image][1]) for image in hashes["image"]],
            "decision": [decisions.get(image, NOT_IN_TRAIN) for image in hashes["image"]],
        },
        dtype=object,
    ).sort_values("content_hash", ignore_index=True)
