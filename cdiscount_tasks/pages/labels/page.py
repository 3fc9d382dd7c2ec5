"""The label page: whether the labels and the split can be believed, each count with pictures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cdiscount_tasks.pages.labels.choices import NUM_SHOWN
from cdiscount_tasks.pages.labels.rows import LabelChoices, Listed, Picture, Placeholder
from cdiscount_tasks.pages.parts import words
from cdiscount_tasks.pages.parts.figures import Curve, bars
from cdiscount_tasks.pages.parts.gallery import PictureShelf
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.vocabulary import SPLITS

PICTURE_BUDGET_BYTES = 1_300_000
"""As base64 a third more: with it the page stays under 2 MB, whatever the pictures hold."""

MAX_CLASSES_IN_TABLE = 40

MAX_CLAIMS_ON_CARD = 5

POLICIES = {
    "drop_image": "the picture itself is not learnt from",
    "keep": "the picture is learnt with every category that it is filed under",
    "majority": "its products are learnt with the category that most of them have",
}
DECISIONS = {
    "dropped_from_training": "not learnt from",
    "kept": "learnt as given",
    "relabelled": "learnt with the most common category",
    "settled_by_fix": "settled by a person",
    "not_in_train": "only measured",
}


def embed_pictures(pictures: Iterable[Picture], thumbnails: Mapping[Picture, bytes]) -> dict[Picture, str]:
    """Return data URIs within the page's budget; a picture that is shown twice counts twice.

    Args:
        pictures: In the order of the page.
        thumbnails: What could be decoded.
    """
    shelf = PictureShelf(PICTURE_BUDGET_BYTES)
    embedded: dict[Picture, str] = {}
    for picture in pictures:
        uri = shelf.take(thumbnails[picture]) if picture in thumbnails else None
        if uri is not None:
            embedded[picture] = uri
    return embedded


def join_placeholders(found: Listed[Placeholder], thumbnails: Mapping[Picture, bytes]) -> Listed[Placeholder]:
    """Join placeholders that look the same though their bytes differ."""
    joined: dict[bytes | Picture, Placeholder] = {}
    for one in found.shown:
        look = thumbnails.get(one.picture, one.picture)
        known = joined.setdefault(look, one)
        joined[look] = Placeholder(known.picture, known.product_ids | one.product_ids)
    rows = sorted(joined.values(), key=lambda one: (-len(one.product_ids), one.picture))
    return Listed(rows[:NUM_SHOWN], found.num_all - len(found.shown) + len(rows))


def class_shares(
    classes: Sequence[Mapping[str, Any]], certified: Sequence[Mapping[str, Any]] | None
) -> list[dict[str, Any]]:
    """Return how large a part of each split each class is, the largest class first.

    Args:
        classes: `metrics.json`'s `classes`.
        certified: The certificate's class_shares; None (older certificates): counted from the classes.
    """
    totals = {split: sum(one["num_products"][split] for one in classes) for split in SPLITS}
    shares_of = {row["class_index"]: row for row in certified or []}
    rows = []
    for one in classes:
        counted = {split: one["num_products"][split] / totals[split] if totals[split] else None for split in SPLITS}
        shares = shares_of.get(one["class_index"], counted)
        rows.append(
            {
                "class_index": one["class_index"],
                "num_products": sum(one["num_products"].values()),
                "shares": [shares[split] for split in SPLITS],
            }
        )
    return sorted(rows, key=lambda row: (-row["num_products"], row["class_index"]))


def _group_sizes(sizes: Sequence[tuple[str, int]]) -> Curve:
    labels, counts = [label for label, _ in sizes], [number for _, number in sizes]
    return bars("groupsizes", "Groups by number of products", labels, counts, "products of the group")


def render_label_page(
    metrics: Mapping[str, Any],
    choices: LabelChoices,
    thumbnails: Mapping[Picture, bytes],
    no_pictures: str | None = None,
) -> str:
    """Make the label page: one file, no script, no network.

    Args:
        metrics: What metrics.json holds.
        choices: What is shown.
        thumbnails: The pictures that decode, small.
        no_pictures: Why there are none, as a sentence.
    """
    certificate = metrics["split_certificate"]
    names = words.class_names(metrics["classes"])
    labels = metrics["labels"]
    costs = labels["conflicts"].get("by_class") or []
    return render_page(
        "labels/page.html",
        metrics=metrics,
        certificate=certificate,
        labels=labels,
        near=certificate.get("near_duplicates"),
        no_pictures=no_pictures,
        names=names,
        names_by_id={name.category_id: name for name in names},
        choices=choices,
        placeholders=join_placeholders(choices.placeholders, thumbnails),
        pictures=embed_pictures(choices.pictures(), thumbnails),
        shares=class_shares(metrics["classes"], certificate.get("class_shares")),
        largest_of_class={group["class_index"]: group for group in certificate["largest_groups"]},
        costs=sorted(costs, key=lambda row: (-row["num_images"], row["class_index"])),
        sizes=_group_sizes(choices.group_sizes),
        max_classes=MAX_CLASSES_IN_TABLE,
        max_claims=MAX_CLAIMS_ON_CARD,
        policies=POLICIES,
        decisions=DECISIONS,
    )
