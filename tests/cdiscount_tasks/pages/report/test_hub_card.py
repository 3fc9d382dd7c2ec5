import json
import os
import subprocess

import pytest
import yaml

from cdiscount_tasks.pages.report.hub_card import hub_head
from cdiscount_tasks.settings.environment import PROJECT_DIR

HUB_PYTHON = PROJECT_DIR / ".venv-hub" / "bin" / "python"
HOSTILE = (
    "Wine & \"beer\": <script>alert(1)</script> # no comment",
    "'---",
    "--- ",
    "yes",
    "1e3",
    "[x](javascript:y) ![z](w) | `a` $b$ !c *d* {e: f} %g @h, \\x41",
    "Cha\u0302teau\u202e d'eau é 葡萄酒",
    "two\nlines\r\n---\nlicense: mit",
    "é" * 100,
)  # fmt: skip


def figure(value, low=None, high=None, n=221):
    return {"value": value, "low": low, "high": high, "n": n}


def metrics_of(title="Wine and beer", run_id="manual__1", accuracy=None, macro_f1=None, origin="file"):
    product = {
        "accuracy": accuracy or figure(0.959276018, 0.9307, 0.9764),
        "macro_f1": macro_f1 or figure(0.8871, None, None),
    }
    return {
        "sample": {"name": "wine", "title": title},
        "run_id": run_id,
        "catalogue": {"catalogue_id": "c0ffee", "origin": origin},
        "lineage": {"config": {"training": {"network": "small_cnn"}}},
        "test": {"product": product},
    }


def head_of(**facts):
    return yaml.safe_load(hub_head(metrics_of(**facts)))


def test_the_head_says_what_the_hub_asks_for():
    head = head_of()
    assert (head["license"], head["license_name"]) == ("other", "not-chosen")
    assert (head["library_name"], head["pipeline_tag"]) == ("keras", "image-classification")
    assert head["tags"] == ["image-classification", "e-commerce", "product-categories", "small_cnn"]
    ((result,),) = (model["results"] for model in head["model-index"])
    assert result["task"]["type"] == "image-classification"
    assert result["dataset"] == {
        "type": "cdiscount-wine", "name": "Wine and beer, catalogue c0ffee", "split": "test",
    }  # fmt: skip


def test_figures_carry_their_intervals():
    accuracy, f1 = head_of()["model-index"][0]["results"][0]["metrics"]
    assert (accuracy["type"], accuracy["value"]) == ("accuracy", 0.959276)
    assert accuracy["name"] == "Product accuracy (95 % interval 93.1 to 97.6 %, 221 products)"
    assert accuracy["args"] == {"level": 0.95, "low": 0.9307, "high": 0.9764, "num_products": 221}
    assert (f1["type"], f1["name"]) == ("f1", "Macro F1 (no interval, 221 products)")
    assert f1["args"] == {"num_products": 221}


def test_what_is_undefined_is_left_out():
    assert [one["type"] for one in head_of(macro_f1=figure(None))["model-index"][0]["results"][0]["metrics"]] == [
        "accuracy"
    ]
    assert "model-index" not in head_of(accuracy=figure(None), macro_f1=figure(None))


def test_a_model_of_drawn_pictures_says_so():
    head = head_of(origin="drawn")
    assert "drawn-pictures" in head["tags"]
    assert head["model-index"][0]["results"][0]["dataset"]["name"].endswith(" (drawn pictures)")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_one_text_on_one_line_without_live_markup(name):
    text = hub_head(metrics_of(title=name, run_id=name))
    assert len(text.splitlines()) == len(hub_head(metrics_of()).splitlines())
    assert not set(text) & set("<>[]!$`|")
    (model,) = yaml.safe_load(text)["model-index"]
    told = " ".join(name.replace("\u202e", "").split())
    assert model["name"] == f"wine, run {told}"
    assert model["results"][0]["dataset"]["name"] == f"{told}, catalogue c0ffee"


READ = """
import json, sys
from huggingface_hub import ModelCard
card = ModelCard(sys.stdin.read())
print(json.dumps([[one.metric_type, one.metric_value, one.metric_name, one.metric_args, one.dataset_name, one.task_type]
                  for one in card.data.eval_results] + [card.data.license, card.data.pipeline_tag, card.data.tags]))
"""


@pytest.mark.beside
@pytest.mark.parametrize("name", HOSTILE)
def test_the_hubs_own_parser_reads_the_head(name):
    if not HUB_PYTHON.exists():
        pytest.skip(f"{HUB_PYTHON} is absent: `make environments` makes it")
    card = f"---\n{hub_head(metrics_of(title=name, run_id=name))}---\n\n# Model card\n"
    environ = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [HUB_PYTHON, "-c", READ], input=card, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    accuracy, f1, licence, task, tags = json.loads(done.stdout)
    told = " ".join(name.replace("\u202e", "").split())
    interval = {"level": 0.95, "low": 0.9307, "high": 0.9764, "num_products": 221}
    title = f"{told}, catalogue c0ffee"
    shown = "Product accuracy (95 % interval 93.1 to 97.6 %, 221 products)"
    assert accuracy == ["accuracy", 0.959276, shown, interval, title, "image-classification"]
    assert f1[:2] == ["f1", 0.8871]
    assert (licence, task, tags[-1]) == ("other", "image-classification", "small_cnn")
