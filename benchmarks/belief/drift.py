"""Does drift cry wolf, and does it find what was planted? `python -m benchmarks.belief.drift` prints both tables.

Pairs of catalogues are drawn from one, so that nothing has changed, with copies as in Cdiscount's: the drawn wine of
the demo has its own; each clothing product becomes a group of copies, of the sizes that groups have there. Half of the
pairs part whole groups in two halves; in the others a fifth of the products are new, one by one, so that many of them
are copies of old ones, and a part of the old ones is the test split, which is not learnt from.

The champion's answers are those of a logistic head on the descriptor's features, which learnt from the old products of
other groups.

Beside the project's rule, in the same pairs: the same tests with a picture of each group on *either* side, and
Kolmogorov-Smirnov on every picture, and on the champion's probability of each class.

Planted: pictures 20 % darker, a white border, a class under a new id, a class of twice as many products. The last is
drawn a second time from as many groups as wine has in Cdiscount's catalogue, with replacement: a small class of a small
sample can double by chance.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.belief.features import draw_wine, take_clothing
from cdiscount_tasks.learning.features.head import predict_by_head
from cdiscount_tasks.learning.measuring.answer_drift import LEAST_D, LEVEL, Answered, compare_answers, tell_answers
from cdiscount_tasks.learning.measuring.class_drift import compare_classes, holm
from cdiscount_tasks.learning.measuring.drift import (
    Drift,
    Speakers,
    choose_looked_at,
    choose_speakers,
    compare_properties,
    measure_drift,
)
from demo.catalogue import DEFAULT_PRODUCTS
from tests.material.dirty_clothing import CLOTHING
from tests.material.drawn_pairs import BY_GROUPS, BY_PRODUCTS, NEW_ID, Base, Pair, class_lists, draw_pair, read_base

DARK, BORDERED, RENAMED, DOUBLED = "20 % darker", "white border", "class renamed", "class doubled"
LOOKS = {DARK: "darker", BORDERED: "border"}
MANY_GROUPS = 5_000
PLANTED = ((DARK, None), (BORDERED, None), (RENAMED, None), (DOUBLED, None), (DOUBLED, MANY_GROUPS))


ASKED_SHARE = 0.3
"""Of the groups: validation and test, about which the champion is asked."""

_ASKED = 5


def draw_answers(base: Base, pair: Pair, seed: int, look: str) -> tuple[Answered, np.ndarray]:
    """Let a logistic head that learnt from the other groups' old products answer; returns all its probabilities too."""
    rows, random = pair.rows, np.random.default_rng([seed, _ASKED])
    asked = (random.random(int(rows["group"].max()) + 1) < ASKED_SHARE)[rows["group"]]
    of_learnt = rows["base"].to_numpy()[~asked & ~rows["is_now"].to_numpy()]
    unseen = rows[asked].iloc[choose_speakers(rows["group"][asked], seed)]
    place, is_now = unseen["base"].to_numpy(), unseen["is_now"].to_numpy()
    plain, changed = (base.looks[one][1] for one in ("plain", look))
    known, label = np.unique(base.category_id, return_inverse=True)
    features = np.concatenate([plain[of_learnt], np.where(is_now[:, None], changed[place], plain[place])])
    index = np.concatenate([label[of_learnt], label[place]])
    is_learnt = np.arange(len(features)) < len(of_learnt)
    found = predict_by_head(features, index, is_learnt, ~is_learnt, len(known))
    return Answered(is_now, known[found.argmax(axis=1)], found.max(axis=1).astype(np.float64)), found


def cries_by_each_class(answered: Answered, probabilities: np.ndarray) -> bool:
    """Return whether Kolmogorov-Smirnov on the probability of each class alarms: "Failing loudly", by groups."""
    sides = [probabilities[answered.is_now == side] for side in (False, True)]
    tests = [stats.ks_2samp(*pair, method="asymp") for pair in zip(*(one.T for one in sides), strict=True)]
    p = holm([test.pvalue for test in tests])
    return any(one < LEVEL and test.statistic > LEAST_D for one, test in zip(p, tests, strict=True))


def measure(base: Base, pair: Pair, seed: int, look: str | None = "plain", renamed: int | None = None) -> Drift:
    """Measure one pair as the stage does; without a look, by the classes alone."""
    spoken = pair.candidates.iloc[choose_speakers(pair.candidates["group"], seed)]
    is_now, category_id = spoken["is_now"].to_numpy(), spoken["category_id"].to_numpy()
    if renamed is not None:
        category_id = np.where(is_now & (category_id == renamed), NEW_ID, category_id)
    looked_at = choose_looked_at(is_now, seed)
    place, new = spoken["base"].to_numpy()[looked_at], is_now[looked_at, None]
    properties, features = (
        np.where(new, changed[place], plain[place])
        for plain, changed in zip(base.looks["plain"], base.looks[look or "plain"], strict=True)
    )
    moved = pd.DataFrame({"from_id": [], "to_id": [], "num_products": []}, dtype="int64")
    speakers = Speakers(is_now, category_id, looked_at, properties, features if look else None)
    answers = compare_answers(draw_answers(base, pair, seed, look)[0], {}) if look else None
    return measure_drift(speakers, class_lists(pair, renamed), moved, {}, answers=answers, seed=seed)[0]


def _answers_alarm(drift: Drift) -> bool:
    return bool(drift["answers"] and tell_answers(drift["answers"]))


def cries_once_a_side(base: Base, pair: Pair, seed: int) -> bool:
    """Return whether the tests of classes and properties alarm with one product of each group on either side."""
    of_side = 2 * pair.candidates["group"] + pair.candidates["is_now"]
    spoken = pair.candidates.iloc[choose_speakers(of_side, seed)]
    is_now = spoken["is_now"].to_numpy()
    found = compare_classes(spoken["category_id"].to_numpy(), is_now, class_lists(pair), seed)
    properties = compare_properties(base.looks["plain"][0][spoken["base"]], is_now)
    return any(one["alarm"] for one in [*found.classes, *properties])


def p_by_image(base: Base, pair: Pair) -> np.ndarray:
    """Return the p-values of Kolmogorov-Smirnov on every picture of either side, property by property."""
    first = np.searchsorted(base.product_of_image, np.arange(len(base.category_id) + 1))
    sides = []
    for is_now in (False, True):
        place = pair.candidates.loc[pair.candidates["is_now"] == is_now, "base"].to_numpy()
        sides.append(base.images[np.concatenate([np.arange(first[one], first[one + 1]) for one in place])])
    return np.array(
        [stats.ks_2samp(*pair, method="asymp").pvalue for pair in zip(*(one.T for one in sides), strict=True)]
    )


def print_false_alarms(base: Base, num_pairs: int) -> None:
    """Print a row for each way of drawing pairs without drift."""
    for number, how in enumerate((BY_GROUPS, BY_PRODUCTS)):
        rows = []
        for seed in range(num_pairs // 2):
            pair = draw_pair(base, how, np.random.default_rng([number, seed]))
            drift = measure(base, pair, seed)
            p = p_by_image(base, pair)
            rows.append(
                {
                    "alarm": bool(drift["alarms"]),
                    "classes": any(one["alarm"] for one in drift["classes"]),
                    "properties": any(one["alarm"] for one in drift["properties"]),
                    "told apart": drift["told_apart"]["alarm"],
                    "answers": _answers_alarm(drift),
                    "each class's probability": cries_by_each_class(*draw_answers(base, pair, seed, "plain")),
                    "auc": drift["told_apart"]["auc"]["value"],
                    "once a side": cries_once_a_side(base, pair, seed),
                    "every picture, Holm": p.min() * len(p) < 0.05,
                    "every picture": p.min() < 0.05,
                }
            )
        found = pd.DataFrame(rows)
        num_groups = pair.candidates["group"].nunique()
        shares = " | ".join(f"{100 * found[name].mean():.1f} %" for name in found.columns if name != "auc")
        print(
            f"| {base.name} | {how} | {len(rows)} | {num_groups:,} | {shares} | {found['auc'].mean():.3f} |", flush=True
        )


def _is_found(kind: str, drift: Drift, category_id: int) -> bool:
    """Return whether the alarms name what was planted."""
    of = {one["category_id"]: one for one in drift["classes"]}
    if kind == RENAMED:
        ends = of[category_id], of[NEW_ID]
        return all(one["alarm"] for one in ends) and [one["change"] for one in ends] == ["vanished", "new"]
    if kind == DOUBLED:
        return of[category_id]["alarm"]
    wanted = {DARK: "brightness", BORDERED: "white_border"}[kind]
    return any(one["alarm"] for one in drift["properties"] if one["name"] == wanted)


def _plant(base: Base, kind: str, how: str, num_groups: int | None, seed: int) -> tuple[bool, Drift, bool]:
    """Draw a pair with a planted drift; returns whether it was found, all figures, and the rival of the answers."""
    random = np.random.default_rng([9, PLANTED.index((kind, num_groups)), seed])
    category_id = int(random.choice(np.unique(base.category_id)))
    pair = draw_pair(base, how, random, category_id if kind == DOUBLED else None, num_groups)
    drift = measure(base, pair, seed, LOOKS.get(kind), category_id if kind == RENAMED else None)
    by_each = kind in LOOKS and cries_by_each_class(*draw_answers(base, pair, seed, LOOKS[kind]))
    return _is_found(kind, drift, category_id), drift, by_each


def print_found(base: Base, num_draws: int) -> None:
    """Print, for each planted drift, in how many draws it was found, and in how many the classifier saw it."""
    for kind, num_groups in PLANTED:
        for how in (BY_GROUPS, BY_PRODUCTS):
            drawn = [_plant(base, kind, how, num_groups, seed) for seed in range(num_draws)]
            sizes = [sum(drift["classes"][0][side]["n"] for side in ("before", "now")) for _, drift, _ in drawn]
            found = f"{np.median(sizes):,.0f} | {sum(was for was, *_ in drawn)} of {num_draws}"
            apart = "— | — | — | —"
            if kind in LOOKS:
                answers = sum(_answers_alarm(drift) for _, drift, _ in drawn)
                auc = pd.Series([drift["told_apart"]["auc"]["value"] for _, drift, _ in drawn], dtype="float64").mean()
                apart = f"{sum(drift['told_apart']['alarm'] for _, drift, _ in drawn)} of {num_draws} | {auc:.2f}"
                each = sum(by_each for _, _, by_each in drawn)
                apart = f"{apart} | {answers} of {num_draws} | {each} of {num_draws}"
            print(f"| {base.name} | {kind} | {how} | {found} | {apart} |", flush=True)


def main() -> None:
    """Look at the pictures, then draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200, help="without drift, of each catalogue")
    parser.add_argument("--draws", type=int, default=100, help="of each planted drift, catalogue and way of drawing")
    parser.add_argument("--products", type=int, default=DEFAULT_PRODUCTS, help="of the drawn catalogue")
    parser.add_argument("--clean", type=Path, default=CLOTHING, help="a clean catalogue; absent: drawn wine alone")
    options = parser.parse_args()
    started = time.process_time()
    with tempfile.TemporaryDirectory(prefix="drift-") as name:
        folders = [Path(name) / part for part in ("wine", "clothing")]
        for folder in folders:
            folder.mkdir()
        tables = [draw_wine(folders[0], options.products)]
        if options.clean.exists():
            tables.append(take_clothing(folders[1]))
        bases = [read_base(one.name, one.sample_dir, one.rows) for one in tables]
    peers = "one a group on either side | every picture, Holm | every picture"
    parts = "any alarm | classes | properties | told apart | answers | each class's probability"
    print(f"| pairs without drift | drawn | pairs | groups | {parts} | {peers} | AUC |\n|{'---|' * 14}")
    for base in bases:
        print_false_alarms(base, options.pairs)
    parts = "found | told apart | AUC | answers | each class's probability"
    print(f"\n| catalogue | planted | drawn | groups | {parts} |\n|{'---|' * 9}")
    for base in bases:
        print_found(base, options.draws)
    print(f"\n{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
