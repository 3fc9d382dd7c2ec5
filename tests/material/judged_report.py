"""A report's run that was judged: a champion whose answers differ from the run's, the judgement, and the page."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.settings.promotion import PromotionConfig
from cdiscount_tasks.stages.inputs import JudgedModel, Opponent, TheLook
from cdiscount_tasks.stages.judgement import judge_model
from tests.material.registry_models import CONTRACT

CHAMPIONS = [
    {
        "decision": number, "at": f"2026-0{number}-03T04:05:06+00:00", "run_id": f"run {number}",
        "report": f"wine/run-{number}", "accuracy": 0.5 + number / 10, "verdict": verdict, "back_to": back_to,
        "who": who,
    }
    for number, verdict, back_to, who in ((1, "first", None, "the rule"), (3, "better", None, "ann"),
                                          (4, "first", 1, "bob"))
]  # fmt: skip
FACTS = {"run_id": "run 1", "preset": "smoke", "report": "wine/run-1", "accuracy": 0.6, "since": CHAMPIONS[-1]["at"]}


def _artifact(folder, stage, name, write):
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(stage, 1, {"name": name})
    return Path(build_artifact(recipe.dir_in(folder), recipe, lambda part: Made(write(part) or {}))["path"])


def _model(inputs, folder, name):
    def write(part_dir):
        (part_dir / "model.keras").write_text(name)
        write_json(part_dir / "input.json", CONTRACT)
        shutil.copy(inputs.dirs["labels"] / "classes.parquet", part_dir)

    return _artifact(folder, "model", name, write)


def challenger_of(inputs, folder):
    """Return the run's own model and its answers."""
    return JudgedModel(inputs.dirs["labels"], _model(inputs, folder, "challenger"), inputs.dirs["evaluation"])


def champion_of(inputs, folder, share, *, right):
    """Return a champion that answers as the run does but for a share of the groups, where it is right, or is wrong."""
    source = inputs.dirs["evaluation"]

    def write(part_dir):
        for path in source.glob("*"):
            if path.name != "manifest.json":
                shutil.copy(path, part_dir)
        table = pq.read_table(source / "predictions.parquet")
        rows = table.select(["group_id", "split", "class_index", "predicted"]).to_pandas()
        groups = pd.Series(rows["group_id"].unique())
        changed = rows["group_id"].isin(groups.sample(frac=share, random_state=1))
        num_classes = int(rows["class_index"].max()) + 1
        other = rows["class_index"] if right else (rows["class_index"] + 1) % num_classes
        predicted = pa.array(rows["predicted"].mask(changed, other), pa.int16())
        place = table.schema.get_field_index("predicted")
        pq.write_table(table.set_column(place, table.schema.field(place), predicted), part_dir / "predictions.parquet")

    evaluation_dir = _artifact(folder, "evaluation", f"champion {share} {right}", write)
    return JudgedModel(inputs.dirs["labels"], _model(inputs, folder, "champion"), evaluation_dir)


def opponent_of(champion, **facts):
    return Opponent(champion, None, 4, {**FACTS, "champions": CHAMPIONS, **facts})


def judged_inputs(inputs, folder, opponent, look=1, reasons=(), config=None, change=lambda facts: facts):
    """Return the inputs with a judgement; `change` alters judgement.json."""
    config = config or PromotionConfig()
    the_look = TheLook(look, ()) if look else None
    made = judge_model(challenger_of(inputs, folder), opponent, the_look, reasons, folder, config)
    real = Path(made["path"])

    def write(part_dir):
        shutil.copy(real / "products.parquet", part_dir)
        write_json(part_dir / "judgement.json", change(read_json(real / "judgement.json")))

    sample = inputs.config.sample.model_copy(update={"promotion": config})
    dirs = {**inputs.dirs, "judgement": _artifact(folder, "judgement", "changed", write)}
    changed = {"dirs": dirs, "config": inputs.config.model_copy(update={"sample": sample})}
    return type(inputs)(**{**vars(inputs), **changed})
