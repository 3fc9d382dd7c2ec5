"""What the drawn catalogue holds, decided before anything is drawn: products, shared pictures, and what is planted.

Products begin with empty places for pictures, filled in the order conflicts, sharing groups, repeats, fresh pictures:
each step takes from what the one before left over, so that their shares hold exactly.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, TypedDict

import numpy as np

from demo.categories import BAG, CATEGORIES, REST, SETS, SHARE_OF_SET, WINE, apportion

MIN_PRODUCTS = 150
MIN_PRODUCTS_PER_SAMPLE_CLASS = 8
IMAGES_PER_PRODUCT = {1: 0.62, 2: 0.14, 3: 0.11, 4: 0.13}  # mean 1.75, as 12,371,293 / 7,069,896

# 37.2 % of the real catalogue's images are copies; at most half of ours may be across products.
REPEATS_WITHIN_PRODUCTS = 0.192
COPIES_ACROSS_PRODUCTS = 0.18
GROUP_SIZES = {2: 0.55, 3: 0.3, 4: 0.15}
MAX_GROUP_SHARE = 0.05
CONFLICTS_PER_DISTINCT_IMAGE = 0.015  # 1.47 % in the real catalogue
CONFLICT_SETS = {WINE: 0.42, BAG: 0.42, REST: 0.16}
MAX_CONFLICT_SHARE = 0.25
PRODUCTS_PER_TRUNCATED_PICTURE = 400
PRODUCTS_PER_ODDITY = 1800
PRODUCTS_PER_REFUSED_DOCUMENT = 200
MAX_PRODUCT_ID = 23_000_000

Damage = Literal["truncated", "empty", "no_image"]
Oddity = Literal["other_key_order", "unknown_field", "int64_category", "no_images", "no_category", "id_repeated"]
ACCEPTED_ODDITIES: tuple[Oddity, ...] = ("other_key_order", "unknown_field", "int64_category")
REFUSED_ODDITIES: tuple[Oddity, ...] = ("no_images", "no_category", "id_repeated")


@dataclass(frozen=True)
class Picture:
    """One distinct picture: which category's drawer draws it, of which look, from which side."""

    number: int
    class_number: int
    look: int
    view: int
    damage: Damage | None = None


@dataclass
class Product:
    """One document to be. A picture's place holds its number, or None while it is empty.

    `same_id_as` is the place in the file of the document whose id this one repeats.
    """

    class_number: int
    look: int
    pictures: list[int | None]
    oddity: Oddity | None = None
    product_id: int = 0
    same_id_as: int | None = None


@dataclass
class Plan:
    """The whole catalogue. `products` are in file order and include the documents that a reader must refuse."""

    products: list[Product] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def new_picture(self, product: Product, view: int) -> int:
        """Plan a picture of a product's own look and return its number."""
        self.pictures.append(Picture(len(self.pictures), product.class_number, product.look, view))
        return len(self.pictures) - 1


class Counts(TypedDict):
    """What a plan holds."""

    num_documents: int
    num_images: int
    num_distinct_images: int
    num_identical_copies: int
    num_copies_across_products: int
    num_conflicting_images: int
    num_damaged_pictures: int
    num_odd_documents: int
    num_refused_documents: int


def class_sizes(num_products: int) -> list[int]:
    """Return the number of products of each category, in the order of CATEGORIES."""
    totals = dict(zip(SETS, apportion(num_products, [SHARE_OF_SET[name] for name in SETS]), strict=True))
    sizes: list[int] = []
    for name in SETS:
        weights = [float(category.weight) for category in CATEGORIES if category.set_name == name]
        sizes += apportion(totals[name], weights, 1 if name == REST else MIN_PRODUCTS_PER_SAMPLE_CLASS)
    return sizes


def plan_catalogue(num_products: int, seed: int) -> Plan:
    """Decide everything about a catalogue but its pixels.

    Args:
        num_products: MIN_PRODUCTS or more; the documents to be refused come on top.
        seed: Other seed, other catalogue.

    Returns:
        The plan, every place filled, product ids ascending in file order.
    """
    rng = np.random.default_rng([seed, 0])
    plan = Plan()
    by_class = [_new_products(number, size, rng, plan) for number, size in enumerate(class_sizes(num_products))]
    num_images = sum(len(product.pictures) for product in plan.products)
    free = [[products[i] for i in rng.permutation(len(products))] for products in by_class]
    num_conflicts = _plant_conflicts(plan, free, num_images, rng)
    _share_pictures(plan, free, round(COPIES_ACROSS_PRODUCTS * num_images) - num_conflicts, rng)
    _repeat_pictures(plan, round(REPEATS_WITHIN_PRODUCTS * num_images), rng)
    _fill_places(plan)
    _damage_pictures(plan, num_products, rng)
    plan.products = [plan.products[i] for i in rng.permutation(num_products)]
    _plant_oddities(plan, num_products, rng)
    _number_products(plan, rng)
    return plan


def _new_products(class_number: int, size: int, rng: np.random.Generator, plan: Plan) -> list[Product]:
    counts = np.repeat(list(IMAGES_PER_PRODUCT), apportion(size, list(IMAGES_PER_PRODUCT.values())))
    first_look = len(plan.products)
    products = [
        Product(class_number, first_look + i, [None] * int(count)) for i, count in enumerate(rng.permutation(counts))
    ]
    plan.products += products
    return products


def _plant_conflicts(plan: Plan, free: list[list[Product]], num_images: int, rng: np.random.Generator) -> int:
    """Let products of two categories of one set show the same picture, here and there; return how many."""
    distinct = num_images * (1 - REPEATS_WITHIN_PRODUCTS - COPIES_ACROSS_PRODUCTS)
    total = max(round(CONFLICTS_PER_DISTINCT_IMAGE * distinct), 2)
    wanted = apportion(total, [CONFLICT_SETS[name] for name in SETS])
    return sum(_plant_conflicts_of_set(plan, free, name, most, rng) for name, most in zip(SETS, wanted, strict=True))


def _plant_conflicts_of_set(
    plan: Plan, free: list[list[Product]], set_name: str, most: int, rng: np.random.Generator
) -> int:
    members = [number for number, category in enumerate(CATEGORIES) if category.set_name == set_name]
    pairs = list(combinations(members, 2))
    weights = np.array([min(len(free[first]), len(free[second])) for first, second in pairs], float)
    left = {number: max(int(MAX_CONFLICT_SHARE * len(free[number])), 1) for number in members}
    planted = 0
    for choice in rng.choice(len(pairs), 20 * most + 1, p=weights / weights.sum()):
        classes = [int(number) for number in rng.permutation(pairs[int(choice)])]
        if planted < most and all(left[number] > 0 for number in classes):
            giver, taker = (free[number].pop() for number in classes)
            giver.pictures[0] = taker.pictures[-1] = plan.new_picture(giver, 0)
            left = {number: count - (number in classes) for number, count in left.items()}
            planted += 1
    return planted


def _share_pictures(plan: Plan, free: list[list[Product]], num_copies: int, rng: np.random.Generator) -> None:
    """Let small groups of products of a category share the maker's picture of one look."""
    sizes = class_sizes(len(plan.products))
    for size_of_class, copies, products in zip(
        sizes, apportion(num_copies, [float(size) for size in sizes]), free, strict=True
    ):
        most, planted = max(2, int(MAX_GROUP_SHARE * size_of_class)), 0
        while planted < copies and len(products) > 1:
            size = int(rng.choice(list(GROUP_SIZES), p=list(GROUP_SIZES.values())))
            size = min(size, most, copies - planted + 1, len(products))
            leader, *others = (products.pop() for _ in range(size))
            leader.pictures[0] = plan.new_picture(leader, 0)
            for product in others:
                product.look, product.pictures[0] = leader.look, leader.pictures[0]
            planted += size - 1


def _repeat_pictures(plan: Plan, num_copies: int, rng: np.random.Generator) -> None:
    """Let products show their own first picture again."""
    empty = [
        (product, place)
        for product in plan.products
        for place, picture in enumerate(product.pictures)
        if place > 0 and picture is None
    ]
    for choice in rng.permutation(len(empty))[:num_copies]:
        product, place = empty[choice]
        if product.pictures[0] is None:
            product.pictures[0] = plan.new_picture(product, 0)
        product.pictures[place] = product.pictures[0]


def _fill_places(plan: Plan) -> None:
    for product in plan.products:
        product.pictures = [
            plan.new_picture(product, view) if picture is None else picture
            for view, picture in enumerate(product.pictures)
        ]


def _damage_pictures(plan: Plan, num_products: int, rng: np.random.Generator) -> None:
    """Spoil a few pictures that only one product has, never its first, in both samples and in the rest."""
    kinds: list[Damage] = ["truncated", "truncated", "empty", "no_image"]
    kinds += ["truncated"] * (num_products // PRODUCTS_PER_TRUNCATED_PICTURE - 2)
    uses = Counter(number for product in plan.products for number in product.pictures)
    for place, kind in enumerate(kinds):
        set_name = SETS[place % len(SETS)]
        whole = [
            picture
            for picture in plan.pictures
            if picture.view > 0
            and uses[picture.number] == 1
            and not picture.damage
            and CATEGORIES[picture.class_number].set_name == set_name
        ]
        spoilt = whole[int(rng.integers(len(whole)))]
        plan.pictures[spoilt.number] = Picture(spoilt.number, spoilt.class_number, spoilt.look, spoilt.view, kind)


def _plant_oddities(plan: Plan, num_products: int, rng: np.random.Generator) -> None:
    """Make some documents odd but good, and add some that a reader must refuse: fewer than 1 % in any catalogue."""
    repeats = max(num_products // PRODUCTS_PER_ODDITY, 1)
    for choice, oddity in zip(rng.permutation(num_products), list(ACCEPTED_ODDITIES) * repeats, strict=False):
        plan.products[int(choice)].oddity = oddity
    for oddity in (list(REFUSED_ODDITIES) * repeats)[: num_products // PRODUCTS_PER_REFUSED_DOCUMENT]:
        # Added in the second half of the file and modelled on the first, whose places no insertion moves.
        place = int(rng.integers(num_products // 2, len(plan.products)))
        model_place = int(rng.integers(num_products // 2))
        model = plan.products[model_place]
        extra = Product(model.class_number, model.look, [], oddity)
        if oddity != "no_images":
            extra.pictures = [plan.new_picture(extra, 1)]
        if oddity == "id_repeated":
            extra.same_id_as = model_place
        plan.products.insert(place, extra)


def _number_products(plan: Plan, rng: np.random.Generator) -> None:
    """Give out ascending ids, and a repeated one where it was planned."""
    ids = np.sort(rng.choice(MAX_PRODUCT_ID, len(plan.products), replace=False))
    for place, product in enumerate(plan.products):
        product.product_id = int(ids[place if product.same_id_as is None else product.same_id_as])


def count(plan: Plan) -> Counts:
    """Count what a plan holds; every figure is over all documents, refused ones included."""
    shown = [(number, place) for place, product in enumerate(plan.products) for number in product.pictures]
    categories = {(number, product.class_number) for product in plan.products for number in product.pictures}
    distinct = len({number for number, _ in shown})
    odd = [product.oddity for product in plan.products if product.oddity]
    return Counts(
        num_documents=len(plan.products),
        num_images=len(shown),
        num_distinct_images=distinct,
        num_identical_copies=len(shown) - distinct,
        num_copies_across_products=len(set(shown)) - distinct,
        num_conflicting_images=len(categories) - distinct,
        num_damaged_pictures=sum(picture.damage is not None for picture in plan.pictures),
        num_odd_documents=len(odd),
        num_refused_documents=sum(oddity in REFUSED_ODDITIES for oddity in odd),
    )
