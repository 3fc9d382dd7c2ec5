"""Runs that are judged against the champion of the registry, whose models' answers are made up."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.errors import DataError, StepLeftOut
from cdiscount_tasks.runs import judging, promotion, registry, steps
from cdiscount_tasks.runs.decisions import Look
from cdiscount_tasks.stages import evaluation
from cdiscount_tasks.stages import judgement as stage
from cdiscount_tasks.stages.inputs import Speeds
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import JUDGED_PRODUCTS
from tests.material.judged_models import KNOWN, ids_of, make_products, write_labels
from tests.material.judged_runs import (
    PRODUCTS,
    SAMPLE,
    entries,
    judge,
    judge_and_decide,
    judged_run,
    judgement_dir,
)
from tests.material.registry_models import judged_as


@pytest.fixture
def champion(no_network):
    """Return the run whose model is the champion: it is right about six products of ten."""
    run = judged_run("first", 0.4)
    assert judge_and_decide(run).outcome == "promoted"
    return run


def facts_of(run):
    return read_json(judgement_dir(run) / stage.JUDGEMENT)


def rows_of(run):
    return read_table(judgement_dir(run) / stage.JUDGED, JUDGED_PRODUCTS).to_pandas()


def looks_in(run):
    return [entry for entry in entries(run) if isinstance(entry, Look)]


def test_the_first_model_is_judged_by_itself_and_no_look_is_counted(no_network):
    run = judged_run("first", 0.4)
    assert judge(run)["verdict"] == "first"
    assert entries(run) == []
    assert facts_of(run)["champion"] is None


def test_a_better_model_is_judged_against_the_champion_at_the_first_look(champion):
    run = judged_run("second", 0.1)
    found = judge(run)
    assert (found["verdict"], found["promotes"], found["look"]) == ("better", True, 1)
    before = facts_of(run)["champion"]
    assert (before["run_id"], before["decision"], before["preset"]) == ("first", 1, "smoke")
    assert before["accuracy"] == pytest.approx(0.6)
    assert [(one["run_id"], one["verdict"], one["who"]) for one in before["champions"]] == [
        ("first", "first", "the rule")
    ]
    assert before["since"] == before["champions"][0]["at"]


def test_a_look_names_its_judgement_and_both_evaluations(champion):
    run = judged_run("second", 0.1)
    judge(run)
    (look,) = looks_in(run)
    assert (look.look, look.champion) == (1, 1)
    assert look.challenger == run.folders()["evaluation"].name
    assert look.champion_evaluation == champion.folders()["evaluation"].name
    assert run.environment.work_dir / look.judgement == judgement_dir(run)


def test_the_look_is_recorded_before_the_test_products_are_read(champion, monkeypatch):
    run, seen = judged_run("second", 0.1), []
    whole = stage.read_common_products

    def read(challenger, others, split):
        seen.append((split, len(looks_in(run))))
        return whole(challenger, others, split)

    monkeypatch.setattr(stage, "read_common_products", read)
    judge(run)
    assert {number for split, number in seen if split == "test"} == {1}
    assert seen[0] == ("validation", 0)


def test_validation_that_does_not_speak_for_a_model_costs_no_look(champion):
    run = judged_run("second", 0.42, offset=1)
    found = judge(run)
    assert (found["verdict"], found["look"], found["promotes"]) == ("no_evidence", None, False)
    assert looks_in(run) == []
    assert len(rows_of(run)) == 0


def test_the_same_challenger_again_is_the_same_look_and_the_same_artifact(champion):
    run = judged_run("second", 0.1)
    once = judge(run)
    assert judge(run) == {**once, "reused": True}
    again = judged_run("third", 0.1, model="second")
    assert judge(again) == {**once, "reused": True}
    assert len(looks_in(run)) == 1


def test_a_task_that_died_between_the_look_and_the_judgement_makes_the_same_judgement(champion):
    run = judged_run("second", 0.1)
    once = judge(run)
    shutil.rmtree(judgement_dir(run))
    assert judge(run) == once
    assert len(looks_in(run)) == 1


def test_other_challengers_are_further_looks_at_a_lower_level(champion):
    for number, share in enumerate((0.2, 0.15, 0.1), start=1):
        run = judged_run(f"try {number}", share)
        assert judge(run)["look"] == number
        # Whoever looks at the same products again sees none that is new.
        assert not rows_of(run)["is_new"].any()
    levels = [one["level"] for one in (facts_of(run)["comparisons"])]
    assert levels[0] < 0.03 / 4


def test_the_same_model_again_is_the_champion_and_no_look(champion):
    run = judged_run("again", 0.4, model="first")
    found = judge(run)
    assert (found["verdict"], found["look"], found["promotes"]) == ("not_comparable", None, False)
    assert found["reason"] == "This run's model is the champion itself."
    assert looks_in(run) == []


def damage_model(champion):
    (champion.folders()["model"] / "model.keras").write_text("the weights of fir5t")


def remove_model(champion):
    shutil.rmtree(champion.folders()["model"])


def damage_answers(champion):
    (champion.folders()["evaluation"] / "predictions.parquet").write_bytes(b"PAR1")


def remove_answers(champion):
    shutil.rmtree(champion.folders()["evaluation"])


@pytest.mark.parametrize("accident", [damage_model, remove_model, damage_answers, remove_answers])
def test_a_champion_that_cannot_be_used_is_a_reason_and_keeps_no_run_from_its_report(champion, accident):
    run = judged_run("second", 0.1)
    accident(champion)
    found = judge(run)
    assert (found["verdict"], found["promotes"], found["look"]) == ("not_comparable", False, None)
    assert found["reason"].startswith("The champion (decision 1, run first) cannot be used: samples/")
    assert found["reason"].count("cannot be used") == 1
    assert "run again" not in found["reason"]  # this run would not make again what the champion's run has made
    if accident in (damage_answers, remove_answers):
        way_out = "; remove that folder and clear the task evaluate_model of run first, whose model is whole."
        assert found["reason"].endswith(way_out)
    assert str(run.environment.work_dir) not in found["reason"]
    assert "judgement" in run.folders()
    assert looks_in(run) == []


def test_a_model_of_drawn_pictures_is_never_compared_with_one_of_real_ones(champion):
    run = judged_run("drawn", 0.1, origin="drawn")
    found = judge(run)
    assert (found["verdict"], found["look"]) == ("not_comparable", None)
    assert found["reason"].startswith("This model learnt from drawn pictures, the champion from pictures of products")


def test_a_champion_without_a_common_category_is_told(champion):
    others = tuple(one + 5 for one in KNOWN)
    run = judged_run("others", 0.1, products=make_products(categories=others), categories=others)
    assert judge(run)["reason"] == "The two models have no category in common."


def test_a_champion_of_other_categories_keeps_the_answers_that_it_gave(champion):
    fewer = KNOWN[:2]
    products = PRODUCTS[PRODUCTS["category_id"].isin(fewer)]
    run = judged_run("fewer", 0.0, products=products, categories=fewer)
    assert judge(run)["verdict"] == "better"
    rows = rows_of(run)
    assert rows["product_id"].tolist() == ids_of(products, "test")
    assert set(rows["answer_champion"]) <= set(KNOWN)


def test_products_that_the_champion_learnt_from_are_left_out_with_their_groups(no_network):
    first = ids_of(PRODUCTS, "test")[0]
    one, other = PRODUCTS["product_id"] == first, PRODUCTS["product_id"] == first + 1
    assert PRODUCTS.loc[one, "group_id"].item() == PRODUCTS.loc[other, "group_id"].item()
    alone = PRODUCTS["group_id"].mask(one, 999_999)
    then = PRODUCTS.assign(split=PRODUCTS["split"].mask(one, "train"), group_id=alone)
    known = (*KNOWN, 1000000044)  # more categories: the champion keeps the answers of then
    extra = make_products(30, categories=(1000000044,), first_id=50_000)
    earlier = judged_run("first", 0.4, products=pd.concat([then, extra], ignore_index=True), categories=known)
    judge_and_decide(earlier)
    run = judged_run("second", 0.1)
    judge(run)
    assert set(ids_of(PRODUCTS, "test")) - set(rows_of(run)["product_id"]) == {first, first + 1}


def test_what_would_be_judged_now_is_what_is_judged(champion):
    run = judged_run("second", 0.1)
    recipe = judging.recipe_of(run, run.folders())
    assert looks_in(run) == []  # whoever asks what would be made records nothing
    judge(run)
    assert judgement_dir(run) == recipe.dir_in(run.artifacts_dir)
    assert judging.recipe_of(run, run.folders()).key == recipe.key
    poor = judged_run("poor", 0.42, offset=1)
    assert judging.recipe_of(poor, poor.folders()).dir_in(run.artifacts_dir).name == Path(judge(poor)["path"]).name


def test_a_gate_of_the_speed_times_the_models_of_run_and_champion(champion, place, monkeypatch):
    place.write(promotion={"gates": {"least_speed": 0.9}})
    run, asked = judged_run("second", 0.1), []
    speeds = Speeds(0.8, 80.0, 100.0, 64, 9, "CPU, 2 cores")
    monkeypatch.setattr(judging, "compare_speeds", lambda *dirs: asked.append(dirs) or speeds)
    found = judge(run)
    assert asked == [(run.folders()["model"], champion.folders()["model"])]
    assert (found["verdict"], found["promotes"]) == ("better", False)
    assert facts_of(run)["blocked"] == ["Speed: 0.8 times as high as the champion's, at least 0.9."]
    assert judge(run)["reused"] and len(asked) == 1


def test_the_step_notes_its_result_in_a_line(champion):
    run = judged_run("second", 0.1)
    line = steps.make("judgement", SAMPLE, "second")
    assert line == "better, +30.0 points (look 1): is to become the champion"
    assert steps.make("judgement", SAMPLE, "second").startswith(line)
    assert "judgement" in run.folders()


def test_steps_of_the_registry_are_no_part_of_a_finished_run():
    found = {step.name: (step.by_registry, step.needed) for step in steps.STEPS if step.by_registry}
    assert found == {"drift": (True, False), "judgement": (True, False)}


def test_without_a_champion_nothing_is_compared_for_drift(no_network):
    run = judged_run("first", 0.4)
    assert judging.reason_without_champion(run) == "colours has no champion yet"
    judge_and_decide(run)
    assert judging.reason_without_champion(run) is None
    damage_model(run)
    assert "the champion of colours" in judging.reason_without_champion(run)


@pytest.mark.parametrize("step", ["sample", "labels"])
def test_what_the_champion_learnt_from_may_be_gone_and_keeps_no_run_from_its_report(champion, step):
    run = judged_run("second", 0.1, products=make_products(60))
    shutil.rmtree(champion.folders()[step])
    assert champion.folders()[step].name in judging.reason_without_champion(run)
    with pytest.raises(StepLeftOut):
        steps.make("drift", SAMPLE, "second")


def test_a_champion_whose_pictures_left_with_their_catalogue_keeps_no_run_from_its_report(champion, monkeypatch):
    run = judged_run("second", 0.1, products=make_products(60))

    def gone(sample_dir):
        assert sample_dir == champion.folders()["sample"]
        raise DataError("train.bson: the catalogue cannot be read")

    monkeypatch.setattr(judging, "check_sample", gone)
    assert judging.reason_without_champion(run) == "train.bson: the catalogue cannot be read"
    with pytest.raises(StepLeftOut, match="the catalogue cannot be read"):
        steps.make("drift", SAMPLE, "second")


def test_drift_is_looked_for_between_the_samples_of_run_and_champion(champion):
    run = judged_run("second", 0.1, products=make_products(60))
    now, then = judging.drift_sides(run, run.folders())
    assert (now.labels_dir, now.features_dir) == (run.folders()["labels"], None)
    assert (then.sample_dir, then.labels_dir) == (champion.folders()["sample"], champion.folders()["labels"])
    shutil.rmtree(champion.run_dir)
    assert judging.drift_sides(run, run.folders())[1] == then


def test_the_champion_s_answers_are_compared_for_drift_once_it_was_asked(champion):
    run = judged_run("second", 0.1, products=make_products(60))
    at = run.folders()
    now, then = judging.drift_sides(run, at)
    assert (now.answers_dir, then.answers_dir) == (None, champion.folders()["evaluation"])
    recipe = evaluation.evaluation_recipe(at["sample"], at["labels"], champion.folders()["model"])
    build_artifact(recipe.dir_in(run.artifacts_dir), recipe, lambda _: Made({}))
    assert judging.drift_sides(run, at)[0].answers_dir == recipe.dir_in(run.artifacts_dir)
    shutil.rmtree(champion.folders()["evaluation"])
    assert judging.drift_sides(run, at)[1].answers_dir is None


def test_the_anchor_is_asked_where_a_model_may_be_a_little_worse(champion, place):
    second = judged_run("second", 0.2)
    judge(second)
    facts = {"expected": 1, "who": "the rule", "environment": second.environment}
    promotion.promote(registry.candidate_of(second), judged_as("no_evidence"), **facts)
    place.write(promotion={"promote_when": "not_worse"})
    fewer = KNOWN[:2]  # other labels than the champion's, or nothing less than better would promote
    run = judged_run("third", 0.0, products=PRODUCTS[PRODUCTS["category_id"].isin(fewer)], categories=fewer)
    judge(run)
    recipe = judging.recipe_of(run, run.folders())
    assert recipe.inputs["evaluation_champion"] == second.folders()["evaluation"]
    assert recipe.inputs["evaluation_anchor"] == champion.folders()["evaluation"]
    assert facts_of(run)["not_worse"]["low_anchor"] > facts_of(run)["not_worse"]["low_champion"]


@pytest.mark.training
def test_a_champion_is_asked_about_the_products_of_a_newer_catalogue(
    no_network, tensorflow, index_dir, sample_dir, labels_dir, model_dir, evaluation_dir
):
    from cdiscount_tasks.runs.start import start_run
    from cdiscount_tasks.stages.inputs import LabelFiles
    from cdiscount_tasks.stages.labels import fix_labels
    from tests.conftest import TINY_LABELS

    first = start_run(SAMPLE, "first", "smoke", {})
    there = {}
    for step, folder in (
        ("sample", sample_dir), ("labels", labels_dir), ("model", model_dir), ("evaluation", evaluation_dir),
    ):  # fmt: skip
        there[step] = first.artifacts_dir / folder.name
        shutil.copytree(folder, there[step])
        first.record(step, {"path": str(there[step]), "test_product_accuracy": 0.5})
    first.record("index", {"path": str(_copied(index_dir, first.index_parent_dir))})
    candidate = registry.candidate_of(first)
    recorded = judging._as_recorded(first, candidate)
    rules = TINY_LABELS.model_copy(update={"seed": 8})
    newer = fix_labels(index_dir, there["sample"], LabelFiles(), first.artifacts_dir, rules)
    at = {**first.folders(), "labels": Path(newer["path"])}
    asked = judging._asked(first, at, candidate)
    assert asked.evaluation_dir != recorded.evaluation_dir
    assert read_json(asked.evaluation_dir / "manifest.json")["inputs"]["model"]
    assert judging._asked(first, first.folders(), candidate) == recorded
    assert judging._asked(first, at, candidate) == asked  # found again, not made again


def _copied(folder, parent):
    shutil.copytree(folder, parent / folder.name)
    return parent / folder.name


def test_labels_of_other_categories_are_no_products_to_ask_a_champion_about(champion, tmp_path):
    fewer = write_labels(tmp_path, make_products(30, KNOWN[:2]), "fewer", KNOWN[:2])
    candidate = registry.candidate_of(champion)
    found = judging._asked(champion, {**champion.folders(), "labels": fewer}, candidate)
    assert found == judging._as_recorded(champion, candidate)
