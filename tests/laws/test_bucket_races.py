"""Machines that change one registry in a bucket at the same moment: one wins, nobody's line is lost."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.runs import looks, promotion, registry, replay
from cdiscount_tasks.runs.decisions import ChampionMovedError, Look
from cdiscount_tasks.runs.history import CHAMPION, HISTORY, LAST
from cdiscount_tasks.settings.places import mirror_of
from cdiscount_tasks.stages.replay import Replayed
from tests.conftest import TEST_SCALE
from tests.material.registry_models import environment_in, judged_as, make_candidate

pytestmark = pytest.mark.slow

NUM_RACES = 200 if TEST_SCALE >= 2 else 8
NUM_MACHINES = 4


@pytest.fixture
def machines(tmp_path, bucket, monkeypatch):
    """Return an environment a machine, and the place of all of them."""
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    url = f"{bucket}/data"
    environments = []
    for number in range(NUM_MACHINES):
        root = tmp_path / str(number)
        data_dir = mirror_of(root, url)
        data_dir.mkdir(parents=True)
        environments.append(replace(environment_in(root), data_dir=data_dir, data_url=url))
    return environments, open_store(url)


def held(store, name):
    return json.loads(store.read(f"registry/wine/{name}")[0])


def test_of_machines_that_promote_at_once_one_wins_and_no_promotion_is_lost(machines):
    environments, store = machines
    rng, wins, expected = random.Random(1), Counter(), None
    candidates = [make_candidate(environment, f"of{number}") for number, environment in enumerate(environments)]

    def promote(number):
        try:
            return promotion.promote(
                candidates[number], judged_as(), expected=expected, who="rule", environment=environments[number],
                reason=str(race),
            )  # fmt: skip
        except ChampionMovedError:
            return None

    with ThreadPoolExecutor(NUM_MACHINES) as pool:
        for race in range(NUM_RACES):
            made = list(pool.map(promote, rng.sample(range(NUM_MACHINES), NUM_MACHINES)))
            (winner,) = (entry for entry in made if entry is not None)
            assert (winner.number, winner.champion) == (race + 1, expected)
            assert held(store, CHAMPION)["number"] == held(store, LAST)["number"] == winner.number
            expected = winner.number
            wins[winner.candidate.run_id] += 1
    entries = [registry.history("wine", environment) for environment in environments]
    assert all(each == entries[0] for each in entries)
    assert [entry.number for entry in entries[0]] == list(range(1, NUM_RACES + 1))
    assert sum(wins.values()) == NUM_RACES


def test_of_looks_that_machines_record_at_once_none_is_lost(machines):
    environments, store = machines
    with ThreadPoolExecutor(NUM_MACHINES) as pool:
        found = list(pool.map(
            lambda number: looks.record_look(
                "wine", f"evaluation-{number:016x}", None, lambda look: f"samples/wine/judgement-{look}", {},
                environments[number % NUM_MACHINES],
            ),
            range(2 * NUM_MACHINES if NUM_RACES < 200 else 40),
        ))  # fmt: skip
    assert sorted(look.look for look in found) == list(range(1, len(found) + 1))
    entries = registry.history("wine", environments[0])
    assert [entry.number for entry in entries] == list(range(1, len(found) + 1))
    assert all(isinstance(entry, Look) for entry in entries)
    lines = store.read(f"registry/wine/{HISTORY}")[0].splitlines()
    assert len(lines) == len(found)
