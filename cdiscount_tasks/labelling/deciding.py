"""Which classes stay, how their products are split, and what is learnt from: all that follows from the pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cdiscount_tasks.errors import ClassError
from cdiscount_tasks.labelling import rules
from cdiscount_tasks.labelling.claims import claims_of_others
from cdiscount_tasks.labelling.classes import check_learnable, with_class_indices
from cdiscount_tasks.labelling.counts import count_by_class, count_fixes, count_judged
from cdiscount_tasks.labelling.fix_rows import read_fix_rows
from cdiscount_tasks.labelling.keeping import FixedSplit, split_products, without_classes
from cdiscount_tasks.labelling.rejections import Rejections
from cdiscount_tasks.labelling.split import Split
from cdiscount_tasks.settings.sample import LabelConfig


class Given(NamedTuple):
    """What labels are decided from.

    Attributes:
        images: The readable images: product_id, image_number, category_id, content_hash, pixel_hash, image (which
            distinct image by pixels), perceptual_hash.
        outside: The same images in products outside the sample: image, product_id, category_id.
        fixes_path: People's corrections; None: there are none.
        fixed_split: None: the split is by hash.
        config: The label rules.
        names: Of every category of the sample, the narrowest last.
    """

    images: pd.DataFrame
    outside: pd.DataFrame
    fixes_path: Path | None
    fixed_split: FixedSplit | None
    config: LabelConfig
    names: Mapping[int, Sequence[str]]


class Decided(NamedTuple):
    """All that is known before anything is written.

    Attributes:
        products: The rows of products.parquet, and more columns.
        images: The rows of images.parquet, and more columns, `perceptual_hash` among them.
        classes: What classes.parquet says but their names: a row a class.
        conflicts: What settling them gave.
        split: What had to be done to split.
        num_fixed: What people said of products, counted.
        warnings: What people should know of their fixes file.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    classes: pd.DataFrame
    conflicts: rules.Conflicts
    split: Split
    num_fixed: dict[str, int]
    warnings: list[str]


def _settle_as_given(products: pd.DataFrame, class_ids: list[int], given: Given) -> None:
    """Refuse classes of which nothing is learnt where every contested image is dropped and nobody fixed anything.

    So which classes stay is decided by the catalogue alone, whatever the policy and people's fixes.
    """
    products, _ = rules.apply_fixes(products, None)
    images = given.images[given.images["product_id"].isin(products["product_id"])]
    others = claims_of_others(given.outside, given.images, products)
    settled = rules.settle_conflicts(products, images, others, "drop_image").products
    check_learnable(with_class_indices(settled, class_ids), products, class_ids)


def split_classes(
    products: pd.DataFrame, class_ids: list[int], given: Given, rejections: Rejections
) -> tuple[pd.DataFrame, list[int], Split]:
    """Split the products, where the sample says so without the classes that cannot be split or learnt.

    Returns:
        The products with `split`, the category_ids of the classes that stay, and what had to be done to split.

    Raises:
        DataError: If a class cannot be split and that is an error, fewer than two are left, or a split file is wrong.
    """
    while True:
        of_split = Rejections()
        try:
            split_ones, split = split_products(products, class_ids, given.fixed_split, given.config, of_split)
            if given.config.small_classes == "reject":
                _settle_as_given(split_ones, class_ids, given)
        except ClassError as error:
            if given.config.small_classes == "error":
                raise
            # Again without them: what the others share with these may leave another one without a split.
            products, class_ids = without_classes(products, class_ids, error, rejections)
        else:
            rejections.rows += of_split.rows
            return split_ones, class_ids, split


def settle(products: pd.DataFrame, class_ids: list[int], split: Split, given: Given) -> Decided:
    """Decide what is learnt from: people's fixes, then conflicts.

    Raises:
        DataError: If a fix is wrong, or leaves a class nothing to learn from.
    """
    others = claims_of_others(given.outside, given.images, products)
    images = given.images[given.images["product_id"].isin(products["product_id"])]
    # Read again: a fix may name a class that did not stay.
    fixes_path, left_out = given.fixes_path, given.names.keys() - class_ids
    fixes = rules.read_fixes(fixes_path, set(class_ids), left_out, given.names) if fixes_path else None
    fixed, warnings = rules.apply_fixes(products, fixes)
    warnings += rules.contradicted_fixes(fixed, images)
    conflicts = rules.settle_conflicts(fixed, images, others, given.config.conflicts)
    said = read_fix_rows(fixes_path) if fixes_path else []
    num_fixed = count_fixes(fixed, conflicts.products) | count_judged(said, set(products["product_id"].tolist()))
    products = with_class_indices(conflicts.products, class_ids)
    check_learnable(products, fixed, class_ids)
    by_product = products.set_index("product_id")
    images = images.assign(
        learnt=conflicts.learnt,
        class_index=images["product_id"].map(by_product["class_index"]),
        split=images["product_id"].map(by_product["split"]),
    )
    classes = count_by_class(products, images, class_ids)
    return Decided(products, images, classes, conflicts, split, num_fixed, warnings)
