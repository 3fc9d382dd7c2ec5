"""Answers of a new model and of the champion -> judgement: is there evidence that the new one is better?"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.bucket import open_file
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.learning.measuring.gates import Gate, GateFacts, asks_speed, judge_gates
from cdiscount_tasks.learning.measuring.intervals import known_exactly, share_figure
from cdiscount_tasks.learning.measuring.judgements import Judged, Judgement, PromoteWhen, Screened, plain
from cdiscount_tasks.learning.measuring.metrics import f1_figures
from cdiscount_tasks.learning.measuring.promotion import judge, judge_first, not_comparable, screen
from cdiscount_tasks.learning.measuring.reliability import measure_calibration
from cdiscount_tasks.settings.promotion import PromotionConfig
from cdiscount_tasks.stages.inputs import JudgedModel, Opponent, Speeds, TheLook
from cdiscount_tasks.tables.judged_products import category_ids_of, read_common_products
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.predictions import read_answers, read_predictions
from cdiscount_tasks.tables.schemas import CLASSES, JUDGED_PRODUCTS, LABEL_PRODUCTS
from cdiscount_tasks.vocabulary import TEST, TRAIN, VALIDATION

logger = logging.getLogger(__name__)

VERSION = 3
JUDGEMENT, JUDGED = "judgement.json", "products.parquet"

MeasureSpeeds = Callable[[Path, Path], Speeds | None]
"""Gives the speeds of two model artifacts, challenger and champion; None: one of them cannot be loaded."""


class JudgementResult(Result):
    """The verdict, whether the model is to be promoted, and the difference on test; null: test was not looked at."""

    verdict: str
    promotes: bool
    difference: float | None
    look: int | None
    reason: str


def rule_of(challenger: JudgedModel, opponent: Opponent, config: PromotionConfig) -> PromoteWhen:
    """Return what promotes: `not_worse` holds only for a model that learnt from other labels than the champion did."""
    return config.promote_when if challenger.labels_dir != opponent.champion.labels_dir else "better"


def has_categories_of(model_dir: Path, labels_dir: Path) -> bool:
    """Return whether a model knows just the categories of some labels, and so can be asked about their products."""
    return category_ids_of(model_dir) == category_ids_of(labels_dir)


def reasons_against(challenger: JudgedModel, champion: JudgedModel) -> tuple[str, ...]:
    """Return why two models cannot be compared, as sentences; empty: they can."""
    if challenger.model_dir == champion.model_dir:
        return ("This run's model is the champion itself.",)
    if not set(category_ids_of(challenger.model_dir)) & set(category_ids_of(champion.model_dir)):
        return ("The two models have no category in common.",)
    return ()


def check_answers(opponent: Opponent) -> None:
    """Look whether the answers of those whom a new model is judged against can be read.

    Raises:
        DataError: If a file is missing or damaged.
    """
    for model in opponent.models.values():
        category_ids_of(model.labels_dir)
        category_ids_of(model.model_dir)
        read_answers(model.evaluation_dir)


def _right(rows: pd.DataFrame, name: str) -> np.ndarray:
    return (rows[f"answer_{name}"] == rows["category_id"]).to_numpy(bool)


def _judged(rows: pd.DataFrame, is_new: np.ndarray) -> Judged:
    right = {name: _right(rows, name) for name in ("challenger", "champion", "anchor") if f"answer_{name}" in rows}
    return Judged(
        right_challenger=right["challenger"],
        right_champion=right["champion"],
        group_id=rows["group_id"].to_numpy(np.int64),
        class_id=rows["category_id"].to_numpy(np.int64),
        is_new=is_new,
        right_anchor=right.get("anchor"),
    )


def _on_validation(challenger: JudgedModel, opponent: Opponent) -> Judged:
    rows = read_common_products(challenger, opponent.models, VALIDATION)
    return _judged(rows, np.zeros(len(rows), bool))


def screen_model(challenger: JudgedModel, opponent: Opponent, config: PromotionConfig) -> Screened:
    """Say whether validation lets the test products be looked at; reads no answer to a test product for it.

    Args:
        challenger: The new model.
        opponent: Champion and anchor.
        config: Of the sample.

    Raises:
        DataError: If an artifact is missing or damaged.
    """
    return screen(_on_validation(challenger, opponent), rule_of(challenger, opponent, config))


def _is_new(rows: pd.DataFrame, look: TheLook) -> np.ndarray:
    """Return which products no look before has seen; none where a judgement of then is not there any more."""
    seen: set[int] = set()
    for folder in look.seen:
        path = open_file(folder, JUDGED)
        if not path.exists():
            logger.warning("%s was removed: no product counts as new, which costs level", folder)
            return np.zeros(len(rows), bool)
        seen |= set(read_table(path, JUDGED_PRODUCTS, ["product_id"])["product_id"].to_pylist())
    return (~rows["product_id"].isin(seen)).to_numpy() if look.seen else np.zeros(len(rows), bool)


def _judge_first(challenger: JudgedModel) -> Judgement:
    classes = read_table(challenger.labels_dir / "classes.parquet", CLASSES).to_pandas()
    largest = int(classes[f"num_products_{TRAIN}"].to_numpy().argmax())
    test = read_answers(challenger.evaluation_dir)[lambda rows: rows["split"] == TEST]
    true = test["class_index"].to_numpy()
    return judge_first(test["predicted"].to_numpy() == true, test["group_id"].to_numpy(np.int64), true == largest)


def _size_ratio(challenger: JudgedModel, champion: JudgedModel) -> float | None:
    paths = [open_file(model.model_dir, "model.keras") for model in (challenger, champion)]
    if not all(path.exists() for path in paths):
        return None
    one, other = (path.stat().st_size for path in paths)
    return one / other if other else None


def _gates(
    challenger: JudgedModel,
    opponent: Opponent | None,
    judgement: Judgement,
    speeds: Speeds | None,
    config: PromotionConfig,
) -> tuple[Gate, ...]:
    num_classes = len(category_ids_of(challenger.model_dir))
    products, _ = read_predictions(challenger.evaluation_dir, num_classes)
    tested = products[products["split"] == TEST]
    true, predicted, groups = (tested[name].to_numpy(np.int64) for name in ("class_index", "predicted", "group_id"))
    chosen: Any = read_json(challenger.evaluation_dir / "calibration.json")
    names = dict(
        read_table(challenger.labels_dir / "classes.parquet", CLASSES, ["category_id", "level3"]).to_pandas().to_numpy()
    )
    fallen = [str(names[change.class_id]) for change in judgement.class_changes if change.fallen]
    return judge_gates(
        config.gates,
        GateFacts(
            macro_f1=f1_figures(true, predicted, groups, num_classes)[0]["value"],
            calibration_error=measure_calibration(tested, chosen)["calibration"]["error"]["value"],
            evidence=judgement.promotes,
            has_champion=opponent is not None,
            speed=speeds.ratio if speeds else None,
            size=_size_ratio(challenger, opponent.champion) if opponent else None,
            fallen=fallen if judgement.looked and opponent else None,
        ),
    )


def _champion_figures(challenger: JudgedModel, champion: JudgedModel) -> dict[str, Any]:
    """Return how right the champion is on the test products of now, and on those that its own labels did not have.

    Asked without the new model: this is no comparison, and so no look.
    """
    asked = champion._replace(labels_dir=challenger.labels_dir)
    rows = read_common_products(asked, {"champion": champion}, TEST)
    own = read_table(champion.labels_dir / "products.parquet", LABEL_PRODUCTS, ["product_id"]).to_pandas()
    right, groups = _right(rows, "champion"), rows["group_id"].to_numpy(np.int64)
    added = ~rows["product_id"].isin(own["product_id"]).to_numpy(bool)
    parts = {"all": np.ones(len(rows), bool), "added": added}
    return {
        name: plain(share_figure(right[of], groups[of]) if of.any() else known_exactly(None, 0, 0))
        for name, of in parts.items()
    }


def _described(
    judgement: Judgement, gates: Sequence[Gate], opponent: Opponent | None, rows: pd.DataFrame
) -> dict[str, Any]:
    """Return what judgement.json holds."""
    right = {name: _right(rows, name) for name in ("challenger", "champion")}
    groups = rows["group_id"].to_numpy(np.int64)
    blocked = [gate.sentence for gate in gates if not gate.passes]
    return {
        **plain(judgement),
        "evidence": judgement.promotes,
        "promotes": judgement.promotes and not blocked,
        "blocked": blocked,
        "gates": plain(gates),
        "champion": dict(opponent.facts, decision=opponent.decision) if opponent else None,
        "accuracy": {name: plain(share_figure(of, groups)) for name, of in right.items()} if len(rows) else None,
        "only_challenger": int((right["challenger"] & ~right["champion"]).sum()),
        "only_champion": int((right["champion"] & ~right["challenger"]).sum()),
        "num_new": int(rows["is_new"].sum()),
    }


def judgement_recipe(
    challenger: JudgedModel,
    opponent: Opponent | None,
    look: TheLook | None,
    reasons: Sequence[str],
    config: PromotionConfig,
) -> Recipe:
    """Return what decides a judgement."""
    models = {"challenger": challenger, **(opponent.models if opponent else {})}
    inputs = {f"{part}_{name}": folder for name, model in models.items() for part, folder in zip(
        ("labels", "model", "evaluation"), model, strict=True)}  # fmt: skip
    rules = config.model_dump(mode="json", include={"promote_when", "gates"})
    decided = {"decision": opponent.decision if opponent else None, "look": look and look.number}
    seen = [folder.name for folder in look.seen] if look else []
    return Recipe(
        stage="judgement",
        version=VERSION,
        config={**rules, **decided, "seen": seen, "reasons": list(reasons)},
        inputs=inputs,
        libraries=versions("numpy", "pandas", "scipy"),
    )


def judge_model(
    challenger: JudgedModel,
    opponent: Opponent | None,
    look: TheLook | None,
    reasons: Sequence[str],
    artifacts_dir: Path,
    config: PromotionConfig,
    measure_speeds: MeasureSpeeds | None = None,
) -> JudgementResult:
    """Judge a new model.

    Args:
        challenger: The new model.
        opponent: Champion and anchor; None: there is no champion, and the model must beat the majority baseline.
        look: Which look at the test products it is, recorded before; None: `screen_model` did not let it be one.
        reasons: Why the two cannot be compared, as sentences; empty: they can.
        artifacts_dir: Where the judgement artifact will stand, named by its key.
        config: Of the sample.
        measure_speeds: Called where a gate asks for the speed and the evidence promotes; None: it cannot be measured.
            What it gives is part of the result, and as little of the recipe as how long a stage took.

    Returns:
        The verdict. `judgement.json` says all that it rests on; `products.parquet` has a row a test product that was
        looked at.

    Raises:
        DataError: If an artifact is missing or damaged.
    """

    def write(part_dir: Path) -> Made:
        rows = JUDGED_PRODUCTS.empty_table().to_pandas()
        if reasons:
            judgement = not_comparable(reasons)
        elif opponent is None:
            judgement = _judge_first(challenger)
        else:
            test = None
            if look is not None:
                rows = read_common_products(challenger, opponent.models, TEST)
                rows["is_new"] = _is_new(rows, look)
                test = _judged(rows, rows["is_new"].to_numpy(bool))
            rule = rule_of(challenger, opponent, config)
            judgement = judge(_on_validation(challenger, opponent), test, look and look.number, rule)
        speeds = None
        if opponent and measure_speeds and asks_speed(config.gates, evidence=judgement.promotes, has_champion=True):
            speeds = measure_speeds(challenger.model_dir, opponent.champion.model_dir)
        gates = _gates(challenger, opponent, judgement, speeds, config)
        facts = {**_described(judgement, gates, opponent, rows), "speed": plain(speeds)}
        asked = opponent if not reasons else None
        facts["champion_figures"] = _champion_figures(challenger, asked.champion) if asked else None
        write_json(part_dir / JUDGEMENT, facts)
        write_table(part_dir / JUDGED, rows[JUDGED_PRODUCTS.names], JUDGED_PRODUCTS)
        first = judgement.comparisons[0] if judgement.comparisons else None
        return Made({
            "verdict": judgement.verdict, "promotes": facts["promotes"], "look": judgement.look,
            "difference": plain(first.test.value) if first else None, "reason": judgement.reasons[-1],
        })  # fmt: skip

    recipe = judgement_recipe(challenger, opponent, look, reasons, config)
    return make(JudgementResult, recipe, artifacts_dir, write)
