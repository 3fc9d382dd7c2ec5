"""What the label page shows, as rows that name their pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Picture(NamedTuple):
    """Which picture of the sample."""

    product_id: int
    image_number: int


class Listed(NamedTuple, Generic[T]):
    """The first of a list, and how long it is."""

    shown: Sequence[T]
    num_all: int


class Tie(NamedTuple):
    """A picture that several products of a group carry."""

    picture: Picture
    num_products: int


class Member(NamedTuple):
    """A product of a group, with its first picture."""

    picture: Picture
    class_index: int


class Group(NamedTuple):
    """Products tied by shared pictures; no tie: they only look nearly the same."""

    group_id: int
    split: str
    num_products: int
    num_images: int
    ties: Listed[Tie]
    members: Listed[Member]


class NearSide(NamedTuple):
    """One of two pictures that look nearly the same."""

    picture: Picture
    split: str
    class_index: int


class NearPair(NamedTuple):
    """Two pictures that look nearly the same; `distance` in bits of their perceptual hashes."""

    distance: int
    first: NearSide
    second: NearSide


class Claim(NamedTuple):
    """The products of one category that carry a picture, by product_id."""

    category_id: int
    product_ids: Listed[int]


class Conflict(NamedTuple):
    """A picture that several categories claim, that of most products first."""

    picture: Picture
    decision: str
    num_products: int
    claims: Sequence[Claim]


class Copies(NamedTuple):
    """A picture that occurs many times in the sample."""

    picture: Picture
    num_images: int
    num_products: int
    split: str
    class_indices: Sequence[int]


class Placeholder(NamedTuple):
    """A picture of so many products that it shows none of them."""

    picture: Picture
    product_ids: frozenset[int]


class RejectedRow(NamedTuple):
    """One thing that was rejected; the picture is one of it that may still be shown."""

    product_id: int
    image_number: int | None
    detail: str
    picture: Picture | None


class RejectedKind(NamedTuple):
    """What was rejected for one reason at one place."""

    reason: str
    stage: str
    of_images: bool
    rows: Listed[RejectedRow]


class Fix(NamedTuple):
    """A product that people relabelled or confirmed (`label` is their category) or took out of learning (None)."""

    picture: Picture
    split: str
    category_id: int
    label: int | None


@dataclass(frozen=True)
class LabelChoices:
    """Everything that the label page shows pictures of; near-duplicates come from the certificate."""

    largest_groups: Listed[Group]
    other_groups: Listed[Group]
    group_sizes: Sequence[tuple[str, int]]
    near_duplicates: Listed[NearPair]
    conflicts: Listed[Conflict]
    decisions: Mapping[str, int]
    copies: Listed[Copies]
    placeholders: Listed[Placeholder]
    rejected: Sequence[RejectedKind]
    fixes: Listed[Fix]

    def pictures(self) -> Iterator[Picture]:
        """Yield every picture in the order of the page, as often as it is shown."""
        for group in (*self.largest_groups.shown, *self.other_groups.shown):
            yield from (tie.picture for tie in group.ties.shown)
            yield from (member.picture for member in group.members.shown)
        for pair in self.near_duplicates.shown:
            yield from (pair.first.picture, pair.second.picture)
        for shown in (self.conflicts.shown, self.copies.shown, self.placeholders.shown, self.fixes.shown):
            yield from (row.picture for row in shown)
        for kind in self.rejected:
            yield from (row.picture for row in kind.rows.shown if row.picture is not None)


def picture_of(row: Mapping[Any, Any]) -> Picture:
    """Return the picture that a row with product_id and image_number names."""
    return Picture(int(row["product_id"]), int(row["image_number"]))
