"""Whatever a sample's file says: Airflow lists it, and the other samples with it."""

import json
import random

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.sample import read_sample
from tests.conftest import TEST_SCALE
from tests.material.random_edits import edited, encoded

TEA = """name: {name}
title: Tea
description: Leaves.
tags: [green, black]
categories: [1000003400, "level2: VIN"]
schedule: {{cron: "0 3 * * 1", on_new_index: true, deadline_hours: 12}}
default_preset: smoke
presets: {{smoke: {{image_size: 64, epochs: 2}}, long: {{learning_rate: 0.01}}}}
"""


def test_samples_with_random_slips_are_listed_as_broken_or_can_be_stored_by_airflow(read_dags, tmp_path):
    from airflow.serialization.serialized_objects import DagSerialization

    rng, right = random.Random(1), set()
    names = [f"s{number}" for number in range(max(1, round(30 * TEST_SCALE)))]
    for name in names:
        path = tmp_path / f"{name}.yaml"
        path.write_bytes(encoded(rng, edited(rng, TEA.format(name=name))))
        try:
            right.add(read_sample(path).name)
        except ConfigError:
            continue

    dags, errors = read_dags(tmp_path)

    assert not errors
    assert {f"cdiscount_{name}" for name in names} <= set(dags)
    assert {name for name in names if "resolve_run" in dags[f"cdiscount_{name}"].task_ids} == right
    for dag in dags.values():
        assert json.dumps(DagSerialization.to_dict(dag), ensure_ascii=False).encode()
