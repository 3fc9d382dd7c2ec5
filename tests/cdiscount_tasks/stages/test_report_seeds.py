"""What trainings with other seeds add to a report."""

import json
import shutil

import pytest

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.json_files import json_text
from cdiscount_tasks.settings.search import SearchConfig
from cdiscount_tasks.stages.report import write_report
from tests.material.html_page import Page
from tests.material.other_seeds import draw_outcome, read_tested, write_seeds
from tests.material.written_reports import read_metrics


@pytest.fixture(scope="module")
def seeded(inputs, tmp_path_factory):
    """Write reports with some other seeds; returns the folder and the page's text."""

    def write(*states, stopped_after=None, search=None):
        folder = tmp_path_factory.mktemp("seeded")
        tested = read_tested(inputs.dirs["evaluation"])
        outcomes = [draw_outcome(tested, seed, state) for seed, state in enumerate(states, start=1)]
        dirs = {**inputs.dirs, "seeds": write_seeds(folder, tested, outcomes)}
        if stopped_after is not None:
            dirs["model"] = folder / inputs.dirs["model"].name
            shutil.copytree(inputs.dirs["model"], dirs["model"])
            manifest = json.loads((dirs["model"] / "manifest.json").read_text("utf-8"))
            manifest["result"] |= {"stopped_after_epoch": stopped_after, "num_epochs_planned": 30}
            manifest["self_hash"] = hash_json({**manifest, "self_hash": None})
            (dirs["model"] / "manifest.json").write_text(json_text(manifest), "utf-8")
        presets = {"smoke": inputs.config.sample.presets["smoke"].model_copy(update={"search": search})}
        config = inputs.config.model_copy(
            update={"sample": inputs.config.sample.model_copy(update={"presets": presets})}
        )
        write_report(dirs, folder / "wine" / "one", config)
        page = Page((folder / "wine" / "one" / "report.html").read_text("utf-8"))
        return folder / "wine" / "one", " ".join(page.text.split())

    return write


@pytest.fixture(scope="module")
def of_five(seeded):
    return seeded(*["complete"] * 4)


def test_the_section_says_how_far_seeds_move_the_accuracy_and_that_they_choose_nothing(of_five):
    out_dir, text = of_five
    found = read_metrics(out_dir)["other_seeds"]
    assert "The model was trained with seed 0. The same training was repeated with 4 other seeds: the same" in text
    assert "They choose nothing : the model is that of seed 0, whatever the others reached." in text
    spread = found["product"]
    assert f"5 seeds reached {100 * spread['lowest']:.1f} % to {100 * spread['highest']:.1f} %" in text
    assert f"with a standard deviation of {100 * spread['deviation']:.1f} points" in text
    mean = [f"{100 * spread['mean'][part]:.1f}" for part in ("value", "low", "high")]
    assert "on average such trainings are right for {} %, {} to {} (95 %)".format(*mean) in text
    assert "seeds are few" not in text
    assert "Where seeds differ much, it may still be a little too narrow." in text
    assert [one["seed"] for one in found["seeds"]] == [0, 1, 2, 3, 4]


def test_the_head_the_figures_and_the_model_card_say_it_too(of_five):
    out_dir, text = of_five
    assert "2,000 draws of groups of products and of seeds" in text
    assert "as the training measured them: without mirror images" in text
    words = "over 5 seeds the accuracy had a standard deviation of"
    assert f"not retraining: {words}" in text
    assert "… mean over 5 seeds" in text
    card = (out_dir / "MODEL_CARD.md").read_text("utf-8")
    assert f"not retraining: {words}" in card
    assert "The other seeds chose nothing." in card


def test_after_a_search_the_models_seed_is_said_to_be_no_random_draw(seeded, of_five):
    search = SearchConfig(trials=9, budget_minutes=5, knobs={"learning_rate": (1e-4, 1e-2)})
    words = "The search chose the knobs together with the luck of seed 0 , so this seed is no random draw among them"
    assert words in seeded("complete", "complete", search=search)[1]
    assert "The search chose the knobs" not in of_five[1]


def test_few_seeds_are_said_to_say_little(seeded):
    text = seeded("complete", "complete")[1]
    assert (
        "3 seeds are few: where seeds differ much, the interval is too narrow; with 5 or more it may still be" in text
    )
    text = seeded("complete")[1]
    assert "The same training was repeated with 1 other seed: the same" in text
    assert "2,000 draws of groups of products and of seeds" not in text
    assert "The same training with another seed as well; two seeds are too few for an interval." in text
    assert "Two seeds are too few for an interval; set seeds: 5 or more." in text


def test_a_seed_that_diverged_is_told_and_what_to_do(seeded):
    out_dir, text = seeded("complete", "diverged", "complete")
    assert "1 of the 3 other seeds diverged" in text
    assert "it has no accuracy and is in no figure here" in text
    assert "Lower the learning_rate" in text
    assert "1 of 3 trainings with other seeds diverged" in text
    assert read_metrics(out_dir)["other_seeds"]["num_diverged"] == 1


def test_one_that_was_stopped_by_hand_is_told(seeded):
    assert "1 of the 2 other seeds was stopped by hand, and is in no figure here." in seeded("complete", "stopped")[1]


def test_where_the_model_was_stopped_by_hand_section_head_and_card_say_that_the_others_were_cut_there(seeded):
    out_dir, text = seeded("complete", "complete", stopped_after=8)
    assert "stopped by hand after epoch 8 of 30, and every other seed was cut there too" in text
    assert text.count("cut where the model was stopped") == 2
    for told in (text, (out_dir / "MODEL_CARD.md").read_text("utf-8")):
        assert "; none trained beyond epoch 8, where the model was stopped by hand." in told


def test_where_none_was_trained_to_its_end_nothing_is_said_about_others(seeded):
    text = seeded("diverged")[1]
    assert "Nothing is said about other seeds: none of them was trained to its end." in text
    assert "mean over 1 seed" not in text


def test_a_report_of_one_seed_has_none_of_it(page, report):
    assert "Other seeds" not in page.text
    assert "how far another seed moves the accuracy is not measured" in page.text
    assert "other_seeds" not in read_metrics(report[0])
