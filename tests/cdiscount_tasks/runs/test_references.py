import json
from pathlib import PurePosixPath

import pytest

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.notes import note_result
from cdiscount_tasks.artifacts.publish import Made, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import history, promotion, replay
from cdiscount_tasks.runs.comparison import comparison_folder
from cdiscount_tasks.runs.decisions import Look
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.references import find_references
from cdiscount_tasks.stages.replay import Replayed
from tests.material.data_roots import set_age
from tests.material.finished_reports import write_finished
from tests.material.registry_models import judged_as

KEY = "0123456789abcdef"


def why(root, path, keep_runs=None):
    """Return why a folder of the root is kept."""
    relative = PurePosixPath(path.relative_to(root.path))
    return find_references(root.environment, keep_runs).why_kept(relative)


def compare(root, run_id, samples, days=100):
    """Make a comparison of runs, by sample; returns its pooled draw."""
    pooled = root.artifact("comparison", "sample", run_id)
    folder = root.path / "comparison" / "runs" / run_folder(run_id)
    folder.mkdir(parents=True)
    config = {
        "run_id": run_id,
        "runs": [{"sample": sample, "run_id": run} for sample, run in samples.items()],
        "random_choices": {},
    }
    write_json(folder / "config.json", config)
    note_result(folder, root.path, "pooled_sample", {"path": str(pooled)})
    set_age(folder, days)
    page_dir = root.environment.reports_dir / "comparison" / comparison_folder(list(samples))
    page_dir.parent.mkdir(parents=True, exist_ok=True)
    rebuild_artifact(page_dir, Recipe("comparison", 1, {}), lambda _: Made({}))
    return pooled


def test_a_run_with_a_report_names_its_folder_and_its_artifacts(root):
    at = root.run("one", 30)
    found = find_references(root.environment, None)
    for path in (root.run_dir("one"), *at.values()):
        assert found.why_kept(PurePosixPath(path.relative_to(root.path))) == "a run that has a report"


def test_with_a_number_older_runs_name_nothing(root):
    old, new = root.run("old", 60), root.run("new", 30)
    assert why(root, old["model"], 1) == ""
    assert why(root, new["model"], 1) == "a run among the newest of its sample"
    assert why(root, old["sample"], 1) != ""


def test_the_number_holds_for_each_sample(root):
    at = root.run("one", 60, sample="mixed_bag")
    root.run("two", 30)
    assert why(root, at["model"], 1) != ""


def test_a_champion_keeps_its_run_with_the_features(root, monkeypatch):
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    at = root.run("old", 60)
    root.run("new", 30)
    judged = judged_as()
    candidate = root.candidate("old", at)
    promotion.promote(candidate, judged, expected=None, who="rule", environment=root.environment)
    for path in (root.run_dir("old"), *(at[step] for step in ("sample", "labels", "features", "model", "evaluation"))):
        assert why(root, path, 1) == "a champion of the history"
    assert why(root, root.path / judged.judgement, 1) == "a look or a decision of the history"


def test_a_run_that_waits_for_approval_keeps_its_model_until_it_is_decided_about(root):
    judgement = root.artifact("samples/wine", "judgement", "waits")
    at = root.run("waits", 3, judgement=judgement)
    root.run("newer", 2)
    assert why(root, at["model"], keep_runs=1).startswith("a run whose model was judged and not decided about")
    judged = judged_as().model_copy(update={"judgement": f"samples/wine/{judgement.name}"})
    candidate = root.candidate("waits", at)
    promotion.decline(candidate, judged, expected=None, who="nobody", environment=root.environment)
    assert why(root, at["model"], keep_runs=1) == ""
    assert why(root, judgement, keep_runs=1) == "a look or a decision of the history"


def test_a_champion_of_which_the_run_folder_is_gone_keeps_its_artifacts(root, monkeypatch):
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    at = root.run("old", 60)
    candidate = root.candidate("old", at)
    promotion.promote(candidate, judged_as(), expected=None, who="rule", environment=root.environment)
    root.run_dir("old").rename(root.path / "elsewhere")
    assert why(root, at["model"], 1) == "a champion of the history"


def test_an_export_is_kept_as_long_as_its_model(root):
    old, new = root.run("old", 60), root.run("new", 30)
    exports = [root.artifact("samples/wine", "export", "onnx", [at["model"], at["labels"]]) for at in (old, new)]
    assert [why(root, path) for path in exports] == ["a file for other programs, of a model that is kept"] * 2
    assert [why(root, path, 1) for path in exports] == ["", "a file for other programs, of a model that is kept"]


def test_the_judgements_of_looks_and_of_what_was_declined_are_kept(root):
    at = root.run("one", 60)
    judged = judged_as("worse")
    facts = {"look": 1, "challenger": "a", "champion": None, "champion_evaluation": None, "inputs": {}}
    folder = root.path / "registry" / "wine"
    with history.writing(folder) as entries:
        history.append(folder, entries, Look, judgement=f"samples/wine/judgement-{'f' * 16}", **facts)
    candidate = root.candidate("one", at)
    promotion.decline(candidate, judged, expected=None, who="rule", environment=root.environment)
    for name in (KEY, "f" * 16):
        assert why(root, root.path / "samples" / "wine" / f"judgement-{name}") == "a look or a decision of the history"


def test_a_judgement_that_the_history_names_does_not_keep_the_model_that_was_judged(root):
    labels = root.artifact("samples/wine", "labels", "declined")
    evaluation = root.artifact("samples/wine", "evaluation", "declined", [labels])
    judgement = root.artifact("samples/wine", "judgement", "declined", [evaluation, labels])
    declined = root.run("declined", 60, labels=labels, evaluation=evaluation, judgement=judgement)
    root.run("newer", 30)
    judged = judged_as("worse").model_copy(update={"judgement": f"samples/wine/{judgement.name}"})
    candidate = root.candidate("declined", declined)
    promotion.decline(candidate, judged, expected=None, who="rule", environment=root.environment)
    assert [why(root, declined[step], 1) for step in ("model", "evaluation", "labels")] == ["", "", ""]
    assert why(root, judgement, 1) == "a look or a decision of the history"
    assert why(root, evaluation) == "a run that has a report"


def test_a_damaged_history_is_a_sentence(root):
    folder = root.path / "registry" / "wine"
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="nothing is removed, since the history of wine is needed"):
        find_references(root.environment, None)


def test_what_a_kept_artifact_was_made_from_is_kept(root):
    drawn = root.artifact("samples/wine", "sample", "other")
    labels = root.artifact("samples/wine", "labels", "other", [drawn])
    judgement = root.artifact("samples/wine", "judgement", "one", [labels])
    root.run("one", 30, judgement=judgement)
    for path in (labels, drawn):
        assert why(root, path) == "an artifact that is kept was made from it"


def test_a_comparison_keeps_its_artifacts_and_the_runs_that_it_compares(root):
    at = {sample: root.run("old", 60, sample=sample) for sample in ("wine", "mixed_bag")}
    for sample in at:
        root.run("new", 30, sample=sample)
    pooled = compare(root, "both", {"wine": "old", "mixed_bag": "old"})
    assert why(root, pooled, 1) == "a run among the newest of its sample"
    for sample, of_run in at.items():
        assert why(root, of_run["model"], 1) == "a comparison that is kept"
        assert why(root, root.run_dir("old", sample), 1) == "a comparison that is kept"


def test_of_comparisons_too_the_newest_are_kept(root):
    for sample in ("wine", "mixed_bag"):
        root.run("one", 60, sample=sample)
    compared = {"wine": "one", "mixed_bag": "one"}
    first, second = compare(root, "first", compared, days=50), compare(root, "second", compared, days=20)
    assert (why(root, first, 1), why(root, second, 1)) == ("", "a run among the newest of its sample")


def test_a_report_keeps_the_data_of_a_run_whose_folder_is_gone(root):
    names = {step: root.artifact("samples/wine", step, "one") for step in ("labels", "model")}
    artifacts = {step: {"name": path.name} for step, path in {**names, "index": root.index}.items()}
    lineage = {"overrides": {}, "artifacts": artifacts, "files": {}}
    write_finished(root.environment.reports_dir, "one-0123ab", lineage=lineage)
    for path in (*names.values(), root.index):
        assert why(root, path) == "a report whose run's folder is gone"
        assert why(root, path, 1) == ""


def test_of_a_report_of_another_schema_the_manifest_names_the_artifacts(root):
    at = root.run("one", 60, finished=False)
    report_dir = root.environment.reports_dir / "wine" / run_folder("gone")
    report_dir.parent.mkdir(parents=True)

    def write(part_dir):
        write_json(part_dir / "metrics.json", {"schema_version": 99})
        return Made({})

    rebuild_artifact(report_dir, Recipe("report", 1, {}, {"labels": at["labels"]}), write)
    assert why(root, at["labels"]) == "a report whose run's folder is gone"


def test_a_report_that_cannot_be_read_keeps_its_sample(root):
    stray = root.artifact("samples/wine", "features", "nobody's")
    folder = write_finished(root.environment.reports_dir, "one-0123ab")
    assert why(root, stray) == ""
    for name in ("metrics.json", "manifest.json"):
        (folder / name).write_text("{")
    assert "it is not known what needs it" in why(root, stray)
    assert "mend or remove that report" in why(root, stray)


@pytest.mark.parametrize("text", ["{", "[]", '{"model": 3}', '{"model": {"path": 3}}', "\0"])
def test_damaged_notes_of_a_run_without_a_report_keep_its_sample_and_the_indexes(root, text):
    stray = root.artifact("samples/wine", "features", "nobody's")
    other = root.artifact("samples/mixed_bag", "features", "nobody's")
    root.run("failed", 5, finished=False)
    path = root.run_dir("failed") / "artifacts.json"
    path.write_text(text)
    found = find_references(root.environment, None)
    told = found.why_kept(PurePosixPath(stray.relative_to(root.path)))
    if text != '{"model": {"path": 3}}':  # a path that names nothing harms nothing
        assert "it is not known what needs it" in told
        assert found.why_kept(PurePosixPath(root.index.relative_to(root.path))) == told
    assert found.why_kept(PurePosixPath(other.relative_to(root.path))) == ""


def test_damaged_notes_of_a_finished_run_are_made_up_for_by_its_report(root):
    at = root.run("one", 30)
    (root.run_dir("one") / "artifacts.json").write_text("{")
    report_dir = root.environment.reports_dir / "wine" / root.run_dir("one").name
    metrics = read_json(report_dir / "metrics.json")
    metrics["lineage"]["artifacts"] = {"model": {"name": at["model"].name}}
    (report_dir / "metrics.json").write_text(json.dumps(metrics))
    assert why(root, at["model"]) == "a run that has a report"


def test_a_damaged_comparison_keeps_everything(root):
    stray = root.artifact("samples/wine", "features", "nobody's")
    compare(root, "both", {"wine": "one", "mixed_bag": "one"}, days=5)
    path = root.path / "comparison" / "runs" / run_folder("both") / "config.json"
    path.write_text("{")
    assert f"{path}: is damaged" in why(root, stray)


def test_label_fixes_keep_the_list_that_they_name(root):
    root.run("one", 60)
    fixes_dir = root.environment.label_fixes_dir
    fixes_dir.mkdir()
    (fixes_dir / "wine.csv").write_text(f"product_id,category_id,reason\n1,2,list {KEY}\n")
    assert why(root, root.path / "samples" / "wine" / f"audit-{KEY}", 1).startswith("label fixes")


def test_the_index_of_the_catalogue_that_is_set_is_kept(root):
    folder = root.path / "catalogues" / fingerprint(root.environment.catalogue_path)
    assert why(root, folder) == "the catalogue that is set"
    assert why(root, root.index) == ""


def test_where_the_catalogue_is_missing_now_every_index_is_kept(root):
    root.environment.catalogue_path.unlink()
    assert "the catalogue that is set: no such file" in why(root, root.index)


def test_the_champion_that_a_run_begins_with_is_kept_when_a_different_one_has_taken_over(root, monkeypatch):
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    first, second = root.run("first", 60), root.run("second", 30)
    for run_id, at, expected in (("first", first, None), ("second", second, 1)):
        candidate = root.candidate(run_id, at)
        promotion.promote(candidate, judged_as(), expected=expected, who="rule", environment=root.environment)
        if run_id == "first":
            begins = candidate
    root.run("begins with first", 5, finished=False)
    started = {"decision": 1, "run_id": "first", "model": begins.model, "labels": begins.labels}
    write_json(root.run_dir("begins with first") / "config.json", {"run_id": "begins", "started_from": started})
    for part in ("model", "labels"):
        assert why(root, root.path / started[part], 1) == "a champion of the history"


def test_predictions_behind_a_link_keep_everything(root, tmp_path):
    at = root.run("old", 60)
    root.run("new", 30)
    root.predictions("asks", 40, at)
    assert why(root, root.path / "samples" / "wine" / f"model-{KEY}", 1) == ""
    (root.path / "predictions" / "runs").rename(tmp_path / "moved")
    (root.path / "predictions" / "runs").symlink_to(tmp_path / "moved")
    assert "links are not followed" in why(root, at["model"], 1)
