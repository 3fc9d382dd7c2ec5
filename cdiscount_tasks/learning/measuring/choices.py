"""Which test products the page shows: pure choices over their predictions, ties broken by product_id."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

NUM_SHOWN = 24
"""Products in each gallery."""

NUM_PAIRS = 10
NUM_OF_PAIR = 3
NUM_TYPICAL = 2
RANDOM_SEED = 0
"""Of the random gallery: the same test products give the same 24."""

SHOWN = {"mistakes": NUM_SHOWN, "pairs": NUM_PAIRS, "of_pair": NUM_OF_PAIR}
"""What decides of which products an evaluation stores activation maps."""


@dataclass(frozen=True)
class ConfusedPair:
    """One class taken for another: the products behind it, as rows of the products that were chosen from.

    Attributes:
        true: Class index.
        predicted: Class index.
        num_products: Test products of the one that were taken for the other.
        mistakes: The most confident of them, one of each group.
        typical_true: Products of the true class that were recognised, the surest first.
        typical_predicted: The same of the predicted class.
    """

    true: int
    predicted: int
    num_products: int
    mistakes: pd.DataFrame
    typical_true: pd.DataFrame
    typical_predicted: pd.DataFrame


def _mistakes(products: pd.DataFrame) -> pd.DataFrame:
    return products[products["class_index"] != products["predicted"]]


def _surest(products: pd.DataFrame, num_products: int, *, least: bool = False) -> pd.DataFrame:
    """Order by probability and keep one of each group: products with the same image would show the same thing."""
    ordered = products.sort_values(["probability", "product_id"], ascending=[least, True])
    return ordered.drop_duplicates("group_id").head(num_products)


def choose_mistakes(products: pd.DataFrame) -> pd.DataFrame:
    """Choose the most confident mistakes, one of each group.

    Args:
        products: A row per product: product_id, group_id, class_index, predicted, probability (of the predicted class).
    """
    return _surest(_mistakes(products), NUM_SHOWN)


def choose_uncertain(products: pd.DataFrame) -> pd.DataFrame:
    """Choose the products, right or wrong, whose predicted class has the lowest probability, one of each group.

    Args:
        products: As for `choose_mistakes`.
    """
    return _surest(products, NUM_SHOWN, least=True)


def choose_random(products: pd.DataFrame) -> pd.DataFrame:
    """Choose products at random, in random order, whatever their order in the table.

    Every product has the same chance, also one of a group that is shown already: what is seen is what there is.

    Args:
        products: As for `choose_mistakes`.
    """
    by_id = products.sort_values("product_id")
    return by_id.iloc[np.random.default_rng(RANDOM_SEED).permutation(len(by_id))[:NUM_SHOWN]]


def choose_pairs(products: pd.DataFrame) -> list[ConfusedPair]:
    """Choose the classes that are taken for one another most often, with products of the pair and of both classes.

    Pairs stand as in metrics.json: by number of products, then by their share of the true class.

    Args:
        products: As for `choose_mistakes`.
    """
    mistakes = _mistakes(products)
    right = products[products["class_index"] == products["predicted"]]
    counts = mistakes.groupby(["class_index", "predicted"]).size().rename("n").reset_index()
    counts["share"] = counts["n"] / counts["class_index"].map(products["class_index"].value_counts())
    ordered = counts.sort_values(["n", "share", "class_index", "predicted"], ascending=[False, False, True, True])
    pairs = []
    for row in ordered.head(NUM_PAIRS).to_dict("records"):
        true, predicted = int(row["class_index"]), int(row["predicted"])
        of_pair = mistakes[(mistakes["class_index"] == true) & (mistakes["predicted"] == predicted)]
        pairs.append(
            ConfusedPair(
                true=true,
                predicted=predicted,
                num_products=int(row["n"]),
                mistakes=_surest(of_pair, NUM_OF_PAIR),
                typical_true=_surest(right[right["class_index"] == true], NUM_TYPICAL),
                typical_predicted=_surest(right[right["class_index"] == predicted], NUM_TYPICAL),
            )
        )
    return pairs


@dataclass(frozen=True)
class ProductChoices:
    """Everything that the page shows products of, in its order; tables of rows as they were given."""

    pairs: Sequence[ConfusedPair]
    mistakes: pd.DataFrame
    uncertain: pd.DataFrame
    random: pd.DataFrame

    @property
    def mistaken(self) -> pd.DataFrame:
        """Return the mistakes that are shown with activation maps, by product_id."""
        shown = pd.concat([*(pair.mistakes for pair in self.pairs), self.mistakes])
        return shown.drop_duplicates("product_id").sort_values("product_id")

    def product_ids(self) -> set[int]:
        """Return every product that is shown."""
        typical = [rows for pair in self.pairs for rows in (pair.typical_true, pair.typical_predicted)]
        shown = pd.concat([self.mistaken, *typical, self.uncertain, self.random])
        return {int(product_id) for product_id in shown["product_id"]}


def choose_products(products: pd.DataFrame) -> ProductChoices:
    """Choose what the page shows; the evaluation makes its activation maps of the same choice.

    Args:
        products: The test products, as for `choose_mistakes`.
    """
    return ProductChoices(
        pairs=choose_pairs(products),
        mistakes=choose_mistakes(products),
        uncertain=choose_uncertain(products),
        random=choose_random(products),
    )
