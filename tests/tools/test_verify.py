import re
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs import promotion, replay
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.stages.replay import Replayed
from cdiscount_tasks.stages.sample import draw_sample
from tests.material.data_roots import DataRoot
from tests.material.machines import RECIPE, Machines, writer
from tests.material.registry_models import environment_in, judged_as, make_candidate
from tests.material.tiny_catalogue import CATEGORIES
from tools import verify
from tools.command import _outcome


@pytest.fixture
def artifact_dir(tmp_path):
    recipe = Recipe(stage="labels", version=1, config={}, inputs={}, files={}, libraries={})

    def write(part_dir: Path) -> Made:
        (part_dir / "rows.txt").write_text("one row")
        return Made({"num_rows": 1})

    return Path(build_artifact(recipe.dir_in(tmp_path / "samples"), recipe, write)["path"])


def test_whole_artifacts_are_counted_once(artifact_dir, tmp_path, capsys):
    assert verify.verify([tmp_path, tmp_path / "samples"]) == 0
    assert capsys.readouterr().out.startswith("1 artifacts, 1 files whole, 0 artifacts damaged")


def test_a_changed_byte_is_found_and_its_file_named(artifact_dir, tmp_path, capsys):
    (artifact_dir / "rows.txt").write_text("one r0w")
    assert verify.verify([tmp_path]) == 1
    assert str(artifact_dir / "rows.txt") in capsys.readouterr().err


def test_what_is_being_written_or_set_aside_is_left_out(artifact_dir, tmp_path):
    artifact_dir.rename(artifact_dir.with_name("labels-0.damaged-1"))
    assert verify.verify([tmp_path]) == 0


def test_the_exit_status_tells_of_damage(artifact_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path))
    monkeypatch.setenv("CDISCOUNT_REPORTS", str(tmp_path / "reports"))
    assert verify.main() == 0
    (artifact_dir / "rows.txt").unlink()
    assert verify.main() == 1


def test_answers_predictions_and_their_pages_are_compared_too(tmp_path, capsys):
    root = DataRoot(tmp_path)
    at = root.predictions("asks", 2, root.run("one", 3))
    places = [root.environment.data_dir, root.environment.reports_dir]
    assert verify.verify(places) == 0
    (page,) = root.environment.reports_dir.glob("predictions/*/*/predictions.html")
    changed = [at["answers-0"] / "rows.bin", at["predictions"] / "rows.bin", page]
    for path in changed:
        path.write_bytes(b"damage")
    assert verify.verify(places) == 3
    told = capsys.readouterr().err
    assert all(str(path) in told for path in changed)


def test_pictures_that_a_sample_left_in_the_catalogue_are_compared_too(tiny, index_dir, tmp_path, capsys):
    catalogue_path = tiny.write(tmp_path / "catalogue.bson")
    drawn = draw_sample(
        index_dir, catalogue_path, tmp_path / "wine", DrawConfig(categories=CATEGORIES, pictures="in_catalogue")
    )
    assert verify.verify([tmp_path]) == 0
    assert f"whole, {drawn['num_images']} pictures in catalogues whole, 0 artifacts damaged" in capsys.readouterr().out
    content = bytearray(tiny.data)
    content[content.index(tiny.pictures[303, 1]) + 300] ^= 1
    catalogue_path.write_bytes(content)
    assert verify.verify([tmp_path]) == 1
    assert f"{catalogue_path}: image 1 of product 303" in capsys.readouterr().err


def test_of_a_bucket_every_object_is_compared_and_none_fetched(tmp_path, bucket, monkeypatch, capsys):
    monkeypatch.setenv("CDISCOUNT_DATA", f"{bucket}/data")
    monkeypatch.setenv("CDISCOUNT_REPORTS", str(tmp_path / "reports"))
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "of the builder"))
    recipe = Recipe(stage="labels", version=1, config={}, inputs={}, files={}, libraries={})

    def write(part_dir: Path) -> Made:
        (part_dir / "rows.txt").write_text("one row")
        return Made({"num_rows": 1})

    parent = read_environment().data_dir / "samples"
    parent.mkdir(parents=True)
    build_artifact(recipe.dir_in(parent), recipe, write)
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "of the checker"))

    assert verify.main() == 0
    assert f"1 artifacts, 1 files whole, 0 artifacts damaged, in 0.0 s: {bucket}/data" in re.sub(
        r"in \d+\.\d s", "in 0.0 s", capsys.readouterr().out
    )
    assert not list((tmp_path / "of the checker").rglob("rows.txt*"))

    store = open_store(f"{bucket}/data")
    name = next(found.name for found in store.list() if "/rows.txt." in found.name)
    store.put(name, b"one r0w")
    assert verify.main() == 1
    assert store.address(name) in capsys.readouterr().err


def test_a_bucket_that_is_away_is_a_sentence(tmp_path, proxied_bucket, object_proxy, monkeypatch, capsys):
    monkeypatch.setenv("CDISCOUNT_DATA", f"{proxied_bucket}/data")
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("cdiscount_tasks.artifacts.object_store.WAIT_S", 0.0)
    object_proxy.begin(expired_from=1)
    assert _outcome(verify.main) == 1
    assert "the token expired; renew the credentials" in capsys.readouterr().err


def test_a_model_that_was_promoted_is_never_to_be_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    environment = environment_in(tmp_path)
    candidate = make_candidate(environment, "one")
    promotion.promote(candidate, judged_as(), expected=None, who="rule", environment=environment, reason="first")
    promoted = verify.promoted_models(environment)
    assert promoted == {environment.work_dir / candidate.model}
    (model_dir,) = promoted
    (model_dir / "input.json").write_text("cut")
    assert verify.verify([tmp_path], promoted) == 1
    told = capsys.readouterr().err
    assert "do not remove it, but bring its folder back from a backup" in told
    assert "and run again" not in told


def test_of_a_promoted_model_in_a_bucket_the_older_version_is_to_come_back(tmp_path, bucket, capsys):
    machines = Machines(tmp_path, f"{bucket}/data", 1)
    build_artifact(machines.thing(0), RECIPE, writer("whole"))
    machines.store.remove(name for name in machines.names() if "/data.txt." in name)
    assert verify.verify([machines[0]], {machines.thing(0)}) == 1
    told = capsys.readouterr().err
    assert "bring back the object's older version in the bucket" in told
    assert "and run again" not in told
