import re

import pytest

from cdiscount_tasks.pages.report.confidence_figures import draw_confidence


def figure(value, reach=0.05):
    return {"value": value, "low": max(0, value - reach), "high": min(1, value + reach), "n": 40, "num_groups": 40}


def make_product(temperature=0.8, num_answered=(0, 30)):
    bins = [{"lowest": c, "highest": c, "n": 40, "confidence": c, "accuracy": figure(c - 0.1)} for c in (0.4, 0.7, 1.0)]
    undefined = {"value": None, "low": None, "high": None, "n": 0, "num_groups": 0}
    thresholds = [
        {
            "target_precision": target,
            "precision": figure(0.97) if n else undefined,
            "coverage": figure(0.4) if n else undefined,
        }
        for target, n in zip((0.99, 0.95), num_answered, strict=True)
    ]
    curve = [
        {"threshold": 0.9, "n": 20, "coverage": 0.5, "risk": 0.02},
        {"threshold": 0.1, "n": 40, "coverage": 1.0, "risk": 0.2},
    ]
    tempered = {"temperature": temperature, "error": figure(0.03), "bins": bins}
    return {
        "calibration": {"error": figure(0.1), "bins": bins, "tempered": tempered},
        "selective": {"risk_coverage": curve, "thresholds": thresholds},
    }


def test_calibration_is_drawn_twice_where_a_temperature_changes_it():
    assert len(draw_confidence(make_product(temperature=0.8))) == 3
    assert len(draw_confidence(make_product(temperature=1.0))) == 2


def test_the_same_figures_give_the_same_svg_and_share_no_id():
    curves = draw_confidence(make_product())
    assert curves == draw_confidence(make_product())
    ids = re.findall(r'\bid="([^"]+)"', "".join(curve.svg for curve in curves))
    assert ids and len(ids) == len(set(ids))


def test_figures_say_in_words_what_they_show():
    as_predicted, _, risk = draw_confidence(make_product())
    assert "10.0 points apart" in as_predicted.alt and as_predicted.alt in as_predicted.svg
    assert "20.0 % of all, 2.0 % of the surer half" in risk.alt


@pytest.mark.parametrize(("num_answered", "marked"), [((0, 0), []), ((0, 9), ["95 %"]), ((9, 9), ["99 %", "95 %"])])
def test_only_thresholds_that_answer_are_marked(num_answered, marked):
    risk = draw_confidence(make_product(num_answered=num_answered))[-1]
    assert [words for words in ("99 %", "95 %") if f"chosen for {words}" in risk.svg] == marked
