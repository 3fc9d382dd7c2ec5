"""Models whose answers are made up, judged by the stage: what of it holds for which products, and what is written."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.promotion import Gates, PromotionConfig
from cdiscount_tasks.stages.inputs import Opponent, Speeds, TheLook
from cdiscount_tasks.stages.judgement import (
    JUDGED,
    JUDGEMENT,
    check_answers,
    has_categories_of,
    judge_model,
    reasons_against,
    screen_model,
)
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import JUDGED_PRODUCTS
from tests.material.judged_models import KNOWN, ids_of, make_products, write_judged, wrong_in

CONFIG = PromotionConfig()
FIRST_LOOK = TheLook(1, ())
FACTS = {"run_id": "then", "preset": "smoke", "report": "wine/then", "accuracy": 0.6, "since": "2026-01-01T00:00"}


@pytest.fixture(scope="module")
def products():
    return make_products()


@pytest.fixture(scope="module")
def models(products, tmp_path_factory):
    """Return models by how many of a hundred groups they are right about, on the same labels."""
    folder = tmp_path_factory.mktemp("models")
    good = write_judged(folder, products, "right90", wrong_in(products, 0.1))
    labels_dir = good.labels_dir
    poor = write_judged(folder, products, "right60", wrong_in(products, 0.4), labels_dir)
    same = write_judged(folder, products, "right58", wrong_in(products, 0.42, offset=1), labels_dir)
    return SimpleNamespace(good=good, poor=poor, same=same)


def against(champion, anchor=None):
    return Opponent(champion, anchor, 7, FACTS)


def judge(folder, challenger, opponent, look=FIRST_LOOK, reasons=(), config=CONFIG, measure_speeds=None):
    """Return the result of the stage, judgement.json, and the rows of products.parquet."""
    result = judge_model(challenger, opponent, look, reasons, folder, config, measure_speeds)
    out_dir = folder / result["path"]
    verify_artifact(out_dir)
    rows = read_table(out_dir / JUDGED, JUDGED_PRODUCTS).to_pandas()
    return SimpleNamespace(result=result, facts=read_json(out_dir / JUDGEMENT), rows=rows, dir=out_dir)


def test_a_better_model_is_to_be_promoted_with_all_that_says_so(tmp_path, models, products):
    found = judge(tmp_path, models.good, against(models.poor))
    assert found.result["verdict"] == found.facts["verdict"] == "better"
    assert found.result["promotes"] and found.facts["promotes"] and found.facts["evidence"]
    assert found.result["difference"] == pytest.approx(0.3)
    assert (found.result["look"], found.result["reused"]) == (1, False)
    assert found.rows["product_id"].tolist() == ids_of(products, "test")
    assert not found.rows["is_new"].any()
    assert (found.facts["only_challenger"], found.facts["only_champion"]) == (30, 0)
    assert found.facts["champion"] == {**FACTS, "decision": 7}
    assert found.facts["accuracy"]["challenger"]["value"] == pytest.approx(0.9)
    assert found.facts["accuracy"]["champion"]["value"] == pytest.approx(0.6)
    comparison = found.facts["comparisons"][0]
    assert comparison["low"] > 0
    assert list(comparison["groups_needed"]) == ["0.01", "0.02", "0.05"]
    assert found.result["reason"] == found.facts["reasons"][-1]


def test_the_same_judgement_again_is_the_artifact_that_stands(tmp_path, models):
    once = judge(tmp_path, models.good, against(models.poor))
    again = judge(tmp_path, models.good, against(models.poor))
    assert again.result == {**once.result, "reused": True}


@pytest.mark.parametrize("change", [
    {"look": TheLook(2, ())}, {"config": PromotionConfig(promote_when="not_worse")},
    {"config": PromotionConfig(gates=Gates(least_macro_f1=0.1))}, {"reasons": ("The two differ.",)},
])  # fmt: skip
def test_what_decides_a_judgement_makes_another_one(tmp_path, models, change):
    once = judge(tmp_path, models.good, against(models.poor))
    assert judge(tmp_path, models.good, against(models.poor), **change).dir != once.dir


def test_who_is_asked_and_for_how_long_decides_no_judgement(tmp_path, models):
    asks = PromotionConfig(approval="required", approvers=("ann",), approval_hours=1)
    once = judge(tmp_path, models.good, against(models.poor))
    assert judge(tmp_path, models.good, against(models.poor), config=asks).dir == once.dir


def test_validation_that_does_not_speak_for_a_model_lets_no_test_product_be_looked_at(tmp_path, models):
    assert not screen_model(models.same, against(models.poor), CONFIG).passes
    found = judge(tmp_path, models.same, against(models.poor), look=None)
    assert (found.result["verdict"], found.result["look"], found.result["promotes"]) == ("no_evidence", None, False)
    assert len(found.rows) == 0
    assert found.facts["comparisons"] == [] and found.facts["class_changes"] == []
    assert found.facts["accuracy"] is None
    assert "test products are not looked at" in found.result["reason"]


def test_the_champion_s_own_figure_on_the_test_products_of_now_is_kept_without_a_look(tmp_path, products):
    """It is asked about 20 new groups, is wrong about half of them, and learnt from a part of the old ones."""
    added = make_products(60, first_id=9000)
    now = pd.concat([products, added], ignore_index=True)
    own = write_judged(tmp_path / "own", products, "own", wrong_in(products, 0.4))
    asked = write_judged(tmp_path / "now", now, "own", [*wrong_in(products, 0.4), *ids_of(added, "test", 0.5)])
    champion = own._replace(evaluation_dir=asked.evaluation_dir)
    challenger = write_judged(tmp_path / "now", now, "new", wrong_in(products, 0.4), asked.labels_dir)
    found = judge(tmp_path, challenger, against(champion), look=None)
    assert found.result["look"] is None and len(found.rows) == 0
    figures = found.facts["champion_figures"]
    assert (figures["all"]["n"], figures["added"]["n"], figures["added"]["num_groups"]) == (140, 40, 20)
    assert figures["added"]["value"] == pytest.approx(0.5)
    assert figures["all"]["value"] == pytest.approx((60 + 20) / 140)
    assert figures["all"]["low"] < 80 / 140 < figures["all"]["high"]


def test_on_its_own_labels_the_champion_has_no_added_product_and_without_one_no_figure(tmp_path, models):
    figures = judge(tmp_path, models.good, against(models.poor)).facts["champion_figures"]
    assert (figures["all"]["value"], figures["added"]["n"]) == (pytest.approx(0.6), 0)
    assert judge(tmp_path, models.good, None, look=None).facts["champion_figures"] is None
    not_compared = judge(tmp_path, models.good, against(models.poor), look=None, reasons=("No.",))
    assert not_compared.facts["champion_figures"] is None


def test_a_screen_reads_no_answer_to_a_test_product(models, products, tmp_path):
    """Two models that differ in test alone are the same to the screen."""
    labels_dir = models.good.labels_dir
    wrong = wrong_in(products, 0.1)
    blind = write_judged(tmp_path, products, "blind", [*wrong, *ids_of(products, "test")], labels_dir)
    assert screen_model(blind, against(models.poor), CONFIG) == screen_model(models.good, against(models.poor), CONFIG)


def test_a_model_that_is_worse_on_test_is_not_promoted(tmp_path, models, products):
    bad = write_judged(tmp_path, products, "bad", ids_of(products, "test", 0.9), models.good.labels_dir)
    found = judge(tmp_path, bad, against(models.poor))
    assert (found.result["verdict"], found.result["promotes"]) == ("worse", False)
    assert found.facts["only_champion"] > found.facts["only_challenger"] == 0
    gate = next(one for one in found.facts["gates"] if one["name"] == "no_class_falls")
    assert not gate["passes"]


def test_the_first_model_must_beat_the_commonest_category(tmp_path, models, products):
    found = judge(tmp_path, models.poor, None, look=None)
    assert (found.result["verdict"], found.result["promotes"]) == ("first", True)
    assert found.facts["champion"] is None
    assert found.facts["baseline"]["value"] == pytest.approx(0.6 - 1 / 3, abs=0.02)
    assert len(found.rows) == 0
    useless = write_judged(tmp_path, products, "useless", wrong_in(products, 0.7), models.good.labels_dir)
    found = judge(tmp_path, useless, None, look=None)
    assert (found.result["verdict"], found.result["promotes"]) == ("no_evidence", False)


def test_every_reason_against_a_comparison_is_told(tmp_path, models):
    reasons = ("This model learnt from drawn pictures.", "The two models have no category in common.")
    found = judge(tmp_path, models.good, against(models.poor), look=None, reasons=reasons)
    assert (found.result["verdict"], found.result["promotes"]) == ("not_comparable", False)
    assert found.facts["reasons"] == list(reasons)
    assert len(found.rows) == 0


def test_the_champion_itself_and_other_categories_are_reasons(models, tmp_path):
    assert reasons_against(models.good, models.poor) == ()
    assert "the champion itself" in reasons_against(models.good, models.good)[0]
    others = tuple(one + 5 for one in KNOWN)
    strange = write_judged(tmp_path, make_products(categories=others), "strange", categories=others)
    assert reasons_against(models.good, strange) == ("The two models have no category in common.",)
    assert has_categories_of(models.good.model_dir, models.poor.labels_dir)
    assert not has_categories_of(models.good.model_dir, strange.labels_dir)


@pytest.mark.parametrize("gates", [
    {"least_macro_f1": 0.99}, {"most_size": 0.5}, {"least_speed": 1e9},
])  # fmt: skip
def test_a_gate_blocks_and_never_promotes(tmp_path, models, gates):
    config = PromotionConfig(gates=Gates(**gates))
    found = judge(tmp_path, models.good, against(models.poor), config=config)
    assert (found.result["verdict"], found.result["promotes"]) == ("better", False)
    assert found.facts["evidence"]
    assert len(found.facts["blocked"]) == 1
    assert found.facts["blocked"][0] in [gate["sentence"] for gate in found.facts["gates"]]
    weak = PromotionConfig(gates=Gates(least_macro_f1=0.01))
    assert not judge(tmp_path, models.same, against(models.poor), None, config=weak).result["promotes"]


def asks_speed(least):
    return PromotionConfig(gates=Gates(least_speed=least))


@pytest.mark.parametrize(("least", "promotes"), [(0.5, True), (0.9, False)])
def test_a_speed_that_a_gate_asks_for_is_measured_and_kept(tmp_path, models, least, promotes):
    asked, speeds = [], Speeds(0.8, 80.0, 100.0, 64, 9, "CPU, 2 cores")
    found = judge(
        tmp_path, models.good, against(models.poor), config=asks_speed(least),
        measure_speeds=lambda *dirs: asked.append(dirs) or speeds,
    )  # fmt: skip
    assert asked == [(models.good.model_dir, models.poor.model_dir)]
    assert found.result["promotes"] == promotes
    assert found.facts["speed"] == speeds._asdict()
    gate = next(one for one in found.facts["gates"] if one["name"] == "least_speed")
    assert (gate["value"], gate["limit"], gate["passes"]) == (0.8, least, promotes)


def test_how_fast_a_model_was_found_to_be_decides_no_key(tmp_path, models):
    once, again = (
        judge(
            tmp_path / name, models.good, against(models.poor), config=asks_speed(0.5),
            measure_speeds=lambda *_, ratio=ratio: Speeds(ratio, 1.0, 1.0, 64, 9, "CPU"),
        ).dir
        for name, ratio in (("once", 0.8), ("again", 0.9))
    )  # fmt: skip
    assert once.name == again.name


def test_without_evidence_or_a_gate_no_speed_is_measured(tmp_path, models):
    def refuse(*_):
        raise AssertionError("measured")

    found = judge(tmp_path, models.good, against(models.poor), measure_speeds=refuse)
    assert found.facts["speed"] is None and found.facts["promotes"]
    found = judge(tmp_path, models.same, against(models.poor), None, config=asks_speed(9.0), measure_speeds=refuse)
    assert (found.facts["speed"], found.facts["blocked"]) == (None, [])
    assert judge(tmp_path, models.good, None, None, config=asks_speed(9.0), measure_speeds=refuse).facts["promotes"]


def test_how_long_an_evaluation_took_is_no_speed(tmp_path, models):
    """The start of TensorFlow and other work of the machine are in it: of one network twice it gave 9.99."""
    found = judge(tmp_path, models.good, against(models.poor))
    gate = next(one for one in found.facts["gates"] if one["name"] == "least_speed")
    assert (gate["value"], gate["sentence"]) == (
        None, "Speed: not measured; nothing is asked for.",
    )  # fmt: skip


def test_products_of_no_look_before_are_new_and_judged_alone(tmp_path, models, products):
    before = judge(tmp_path, models.good, against(models.poor))
    more = make_products(390)
    now = write_judged(tmp_path / "now", more, "now", wrong_in(more, 0.1))
    then = write_judged(tmp_path / "then", more, "then", wrong_in(more, 0.4), now.labels_dir)
    found = judge(tmp_path, now, against(then), TheLook(2, (before.dir,)))
    new = found.rows.loc[found.rows["is_new"], "product_id"]
    assert set(new) == set(ids_of(more, "test")) - set(ids_of(products, "test"))
    assert [(one["of"], one["look"]) for one in found.facts["comparisons"]] == [("all", 2), ("new", 1)]
    assert found.facts["num_new"] == len(new) == 160


def test_where_a_judgement_of_then_was_removed_no_product_counts_as_new(tmp_path, models, caplog):
    gone = tmp_path / "judgement-gone"
    found = judge(tmp_path, models.good, against(models.poor), TheLook(2, (gone,)))
    assert not found.rows["is_new"].any()
    assert "no product counts as new" in caplog.text
    assert [one["of"] for one in found.facts["comparisons"]] == ["all"]


def test_not_worse_asks_the_anchor_as_well(tmp_path, models, products):
    perfect = write_judged(tmp_path, products, "perfect", (), models.good.labels_dir)
    config = PromotionConfig(promote_when="not_worse")
    newer = write_judged(tmp_path / "newer", products, "newer", wrong_in(products, 0.1))
    assert screen_model(newer, against(models.poor), config).passes
    assert not screen_model(newer, against(models.poor, perfect), config).passes
    found = judge(tmp_path, newer, against(models.poor, models.same), config=config)
    assert found.facts["not_worse"]["holds"]
    assert found.facts["not_worse"]["low_anchor"] != found.facts["not_worse"]["low_champion"]
    assert list(found.rows.columns) == JUDGED_PRODUCTS.names


def test_not_worse_holds_for_a_model_that_learnt_from_other_labels_alone(tmp_path, models):
    found = judge(tmp_path, models.good, against(models.poor), config=PromotionConfig(promote_when="not_worse"))
    assert found.facts["not_worse"] is None


def test_the_answers_of_an_opponent_that_cannot_be_read_are_named(tmp_path, models, products):
    broken = write_judged(tmp_path, products, "broken", (), models.good.labels_dir)
    check_answers(against(broken))
    (broken.evaluation_dir / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"predictions\.parquet"):
        check_answers(against(models.good, broken))
    (broken.evaluation_dir / "manifest.json").unlink()
    with pytest.raises(DataError):
        check_answers(against(broken))


def test_what_is_no_number_is_null_in_the_file(tmp_path, models):
    found = judge(tmp_path, models.good, against(models.poor))
    assert "NaN" not in (found.dir / JUDGEMENT).read_text("utf-8")
    assert all(np.isfinite(one["test"]["standard_error"]) for one in found.facts["comparisons"])
