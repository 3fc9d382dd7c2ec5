import pytest
import yaml

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.run import training_config
from cdiscount_tasks.settings.sample import SampleConfig, read_sample
from cdiscount_tasks.settings.training import TrainingConfig

WINE = {
    "name": "wine",
    "title": "Wine",
    "categories": [1000003400, 1000003402],
    "default_preset": "smoke",
    "presets": {"smoke": {"image_size": 64, "epochs": 8}, "long": {"epochs": 100}},
}


@pytest.fixture
def write_yaml(tmp_path):
    """Write a sample's YAML, the given settings over a sound one; None takes a setting out."""

    def write(name="wine", **changes):
        path = tmp_path / f"{name}.yaml"
        whole = {**WINE, "name": name, **changes}
        path.write_text(yaml.safe_dump({key: value for key, value in whole.items() if value is not None}))
        return path

    return write


def refusal(path):
    with pytest.raises(ConfigError) as caught:
        read_sample(path)
    return str(caught.value)


def test_read_sample_reads_what_the_yaml_says(write_yaml):
    sample = read_sample(write_yaml(tags=["similar"], seed=7))
    assert (sample.name, sample.categories, sample.tags, sample.seed) == (
        "wine",
        (1000003400, 1000003402),
        ("similar",),
        7,
    )


def test_a_preset_leaves_out_what_keeps_its_default(write_yaml):
    smoke = read_sample(write_yaml()).presets["smoke"]
    assert (smoke.image_size, smoke.batch_size, smoke.learning_rate) == (64, 64, 2e-3)


def test_a_sample_survives_its_json(write_yaml):
    sample = read_sample(write_yaml(categories=[5, "level2: VIN"], schedule={"cron": "0 3 * * 1"}))
    assert SampleConfig.model_validate_json(sample.model_dump_json()) == sample


def test_a_sample_never_changes(write_yaml):
    sample = read_sample(write_yaml())
    with pytest.raises(ValueError, match="frozen"):
        sample.seed = 1


@pytest.mark.parametrize("chosen", ["all", ["level2: VIN"], ["level3: VIN ROUGE", 1000003402]])
def test_categories_may_be_all_or_names_of_a_level(write_yaml, chosen):
    expected = chosen if chosen == "all" else tuple(chosen)
    assert read_sample(write_yaml(categories=chosen)).categories == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "red"}, ["colour is not a known setting", "known are name, title"]),
        ({"categoriess": []}, ["categoriess is not a known setting", "did you mean categories?"]),
        ({"title": None}, ["title is missing", "add it"]),
        ({"seed": -1}, ["seed is -1", "expected 0 to 2147483647"]),
        ({"seed": "0"}, ["seed is '0'", "integer"]),
        ({"near_duplicates": "tie"}, ["near_duplicates is 'tie'", "report"]),
        ({"max_products_per_category": 0}, ["max_products_per_category is 0", "at least 1"]),
        ({"presets": {"smoke": {"image_size": 7}}}, ["presets.smoke.image_size is 7", "expected 32 to 512"]),
        ({"presets": {"smoke": {"image_size": 64.5}}}, ["presets.smoke.image_size is 64.5", "integer"]),
        ({"presets": {"smoke": {"epoch": 7}}}, ["presets.smoke.epoch is not a known setting", "did you mean epochs?"]),
        ({"presets": {"smoke": {"network": "resnet"}}}, ["presets.smoke.network is 'resnet'", "small_cnn"]),
        ({"presets": {"smoke": {"learning_rate": 0}}}, ["presets.smoke.learning_rate is 0", "above 0 and at most 1"]),
        ({"presets": {"smoke": {"learning_rate": float("nan")}}}, ["presets.smoke.learning_rate is nan"]),
        ({"presets": {"smoke": {"seeds": 0}}}, ["presets.smoke.seeds is 0", "expected 1 to 20"]),
        ({"presets": {"smoke": {"seeds": 100}}}, ["presets.smoke.seeds is 100", "expected 1 to 20"]),
        ({"presets": {"smoke": {"seeds": 1.5}}}, ["presets.smoke.seeds is 1.5", "integer"]),
        ({"presets": {"smoke": {"seeds": True}}}, ["presets.smoke.seeds is True", "integer"]),
        ({"presets": {}}, ["presets is empty"]),
        ({"default_preset": "slow"}, ["default_preset is 'slow'", "expected one of long, smoke"]),
        ({"conflicts": "drop"}, ["conflicts is 'drop'", "drop_image"]),
        ({"split": {"train": 0.9}}, ["split", "add up to 1.2", "expected 1"]),
        ({"split": {"file": "a.csv", "train": 0.8, "validation": 0.1, "test": 0.1}}, ["split", "a file and shares"]),
        ({"schedule": {"cron": "every monday"}}, ["schedule.cron", "five fields"]),
        ({"schedule": {"cron": "99 3 * * 1"}}, ["schedule.cron", "'99 3 * * 1'"]),
        ({"schedule": {"cron": "0 3 30 2 *"}}, ["schedule.cron", "'0 3 30 2 *'"]),
        ({"schedule": {"retrain": "often"}}, ["schedule.retrain is 'often'", "when_changed"]),
        ({"categories": [1000003400]}, ["categories has 1 category", "at least 2"]),
        ({"categories": []}, ["categories has 0 category", "at least 2"]),
        ({"categories": [1, 1]}, ["categories names 1 more than once"]),
        ({"categories": ["VIN", 1]}, ["categories has 'VIN'", "level2: VIN"]),
        ({"categories": "VIN"}, ["categories is 'VIN'", "or all"]),
        ({"categories": [True, 1]}, ["categories has True"]),
    ],
)  # fmt: skip
def test_an_unknown_key_or_impossible_value_is_refused_with_where_and_what(write_yaml, changes, words):
    path = write_yaml(**changes)
    sentence = refusal(path)
    assert sentence.startswith(f"{path}: ")
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize(
    "name",
    [
        "catalogue",
        "comparison",
        "sample_comparison",
        "predictions",
        "predictions_watch",
        "gauges",
        "roll_back",
        "clean_up",
        "index",
        "demo",
    ],
)
def test_a_sample_name_that_the_project_uses_itself_is_refused(write_yaml, name):
    assert "used by the project itself; choose a different name" in refusal(write_yaml(name))


@pytest.mark.parametrize("name", ["Wine", "wine bar", "wine-1", "w/../x", ""])
def test_a_sample_name_of_other_characters_is_refused(tmp_path, name):
    path = tmp_path / "wine.yaml"
    path.write_text(yaml.safe_dump({**WINE, "name": name}))
    assert "text that matches ^[a-z0-9_]+$" in refusal(path)


def test_a_sample_is_called_like_its_file(tmp_path):
    path = tmp_path / "beer.yaml"
    path.write_text(yaml.safe_dump(WINE))
    assert "name is 'wine', expected 'beer'" in refusal(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty, expected settings"),
        ("- a\n- b", "holds ['a', 'b'], expected settings"),
        ("a: [", "is not YAML"),
        ("a: \xe9\ud800", "cannot be read"),
    ],
)
def test_a_file_that_is_no_yaml_of_settings_is_refused(tmp_path, text, words):
    path = tmp_path / "wine.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert words in refusal(path)


def test_a_missing_yaml_is_told_with_its_path(tmp_path):
    assert str(tmp_path / "wine.yaml") in refusal(tmp_path / "wine.yaml")


def test_each_of_several_faults_is_told_in_a_line_of_its_own(write_yaml):
    first, second = refusal(write_yaml(seed=-1, titel="Wine")).splitlines()
    assert "wine.yaml: titel is not a known setting" in first
    assert second == "  also: seed is -1, expected 0 to 2147483647"


def test_of_many_faults_five_are_told_and_the_rest_counted(write_yaml):
    lines = refusal(write_yaml(**{f"colour{number}": "red" for number in range(7)})).splitlines()
    assert len(lines) == 6
    assert lines[-1] == "  and 2 more"


def test_overrides_lie_on_top_of_the_preset(write_yaml):
    config = training_config(read_sample(write_yaml()), "smoke", {"epochs": 2, "seed": None})
    assert (config.epochs, config.image_size, config.seed) == (2, 64, 0)


@pytest.mark.parametrize(
    ("preset", "overrides", "words"),
    [
        ("slow", {}, "preset is 'slow', expected one of long, smoke"),
        ("smoke", {"image_size": 7}, "image_size is 7, expected 32 to 512"),
        ("smoke", {"epochs": "many"}, "epochs is 'many'"),
        ("smoke", {"epoch": 3}, "epoch is not a known setting; did you mean epochs?"),
        ("smoke", {"label_smoothing": 1}, "label_smoothing is 1, expected at least 0 and below 1"),
    ],
)
def test_an_impossible_override_names_the_sample_and_the_setting(write_yaml, preset, overrides, words):
    with pytest.raises(ConfigError, match=r"sample wine: ") as caught:
        training_config(read_sample(write_yaml()), preset, overrides)
    assert words in str(caught.value)


def test_a_key_that_stands_twice_is_refused(write_yaml):
    path = write_yaml()
    path.write_text(path.read_text() + "title: Another\n")
    assert "line 13: 'title' occurs twice, first in line 12; keep one of the two" in refusal(path)


def with_line(line, instead_of="title:"):
    """Return a sound sample's YAML with one line in place of another."""
    lines = ["name: wine", "title: Wine", "categories: [11, 22]", "default_preset: smoke", "presets:", "  smoke: {}"]
    return "\n".join(line if old.strip().startswith(instead_of) else old for old in lines) + "\n"


@pytest.mark.parametrize(
    ("line", "instead_of", "words"),
    [
        ("titel: Wine", "title:", "titel is not a known setting; did you mean title?\n  also: title is missing"),
        ("Title: Wine", "title:", "Title is not a known setting; did you mean title?"),
        ("title: Wine\nepochs: 3", "title:", "epochs is not a known setting; it belongs below presets"),
        ("title: no", "title:", 'title is no, expected text; put it in quotes: "no"'),
        ("title: 1e3", "title:", 'title is 1e3, expected text; put it in quotes: "1e3"'),
        ("title:", "title:", "title is empty; give it a value"),
        ("title: Wine\ntags: [red, on]", "title:", 'tags.1 is on, expected text; put it in quotes: "on"'),
        ("title: Wine\ntags: red", "title:", "tags is 'red', expected a list"),
        (f"title: Wine\ntags: [{'x' * 101}]", "title:", "expected at most 100 characters"),
        ("title: Wine\ntags: ['']", "title:", "tags.0 is '', expected at least 1 character"),
        ("title: Wine\nschedule:", "title:", "schedule is empty; write `schedule: {}` for the defaults"),
        ("title: Wine\nschedule: weekly", "title:", "schedule is 'weekly', expected settings of its own"),
        ("title: Wine\nschedule: {cron: R * * * *}", "title:", "is not a cron expression"),
        ("title: Wine\nseed: '7'", "title:", "seed is '7', expected integer 0 to 2147483647; write it without quotes"),
        ("title: Wine\npictures: yes", "title:", "pictures is True, expected 'copied' or 'in_catalogue'"),
        ("title: Wine\nembed_pictures: maybe", "title:", "embed_pictures is 'maybe', expected yes or no"),
        ("  smoke:", "smoke:", "presets.smoke is empty; write `smoke: {}` for the defaults"),
        ("  on: {}", "smoke:", 'line 6: presets.on: YAML reads on as true; put it in quotes: "on"'),
        ("  1: {}", "smoke:", 'presets.1: YAML reads 1 as a number; put it in quotes: "1"'),
        ("  smoke: {learning_rate: yes}", "smoke:", "presets.smoke.learning_rate is True, expected number above 0"),
        ("  smoke: {epochs: 1e1}", "smoke:", "presets.smoke.epochs is 1e1, expected integer 1 to 500"),
        ("categories: [011, 22]", "categories:", "line 3: categories.0 is 011: some programs read a number with"),
        ("categories: ['11', 22]", "categories:", "has '11', expected category ids"),
        ("categories: ['11', 22]", "categories:", "write the id without quotes: 11"),
        ("categories: [level2: VIN]", "categories:", 'put it in quotes: "level2: VIN"'),
        ("categories: [Level2:VIN]", "categories:", 'write it as "level2: VIN"'),
        ("categories: ['level2:  ']", "categories:", "has 'level2:  ', expected category ids"),
        ("categories: {level2: VIN}", "categories:", 'put it in quotes: "level2: VIN"'),
        ("categories: [1.1e1, 22]", "categories:", "write the id in digits: 11"),
        ("categories: [9223372036854775808, 1]", "categories:", "has 9223372036854775808, expected category ids"),
        ("categories: ALL", "categories:", "write categories: all"),
    ],
)  # fmt: skip
def test_a_slip_in_a_yaml_is_told_with_what_to_write(tmp_path, line, instead_of, words):
    path = tmp_path / "wine.yaml"
    path.write_text(with_line(line, instead_of))
    assert words in refusal(path)


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("off", False), ("true", True), ("No", False)])
def test_a_switch_may_be_written_in_each_of_yamls_ways(tmp_path, word, value):
    path = tmp_path / "wine.yaml"
    path.write_text(with_line(f"title: Wine\nembed_pictures: {word}"))
    assert read_sample(path).embed_pictures is value


def test_pictures_are_copied_unless_the_yaml_says_otherwise_and_then_nothing_names_them(tmp_path):
    path = tmp_path / "wine.yaml"
    path.write_text(with_line("title: Wine", "title:"))
    assert read_sample(path).pictures == "copied"
    assert "pictures" not in read_sample(path).model_dump()
    path.write_text(with_line("title: Wine\npictures: in_catalogue"))
    assert read_sample(path).model_dump()["pictures"] == "in_catalogue"


def test_a_preset_inherits_from_another_by_yamls_merge_key(tmp_path):
    path = tmp_path / "wine.yaml"
    path.write_text(with_line("  smoke: &base {image_size: 32, epochs: 2}\n  longer: {<<: *base, epochs: 9}", "smoke:"))
    longer = read_sample(path).presets["longer"]
    assert (longer.image_size, longer.epochs) == (32, 9)


def test_a_preset_that_is_no_text_is_refused(write_yaml):
    with pytest.raises(ConfigError, match="preset is"):
        training_config(read_sample(write_yaml()), ["smoke"], {})


def sample_with(**presets):
    return SampleConfig(
        name="tea",
        title="Tea",
        categories=(1, 2),
        default_preset=next(iter(presets)),
        presets={name: TrainingConfig(**knobs) for name, knobs in presets.items()},
    )


def test_a_training_takes_as_many_slots_as_the_most_of_its_presets_wants_gpus():
    assert sample_with(quick={}, wide={"gpus": 4}).num_gpu_slots == 4


def test_a_run_cannot_want_more_gpus_than_its_task_takes_slots():
    sample = sample_with(quick={}, wide={"gpus": 2})
    assert training_config(sample, "quick", {"gpus": 2}).gpus == 2
    with pytest.raises(ConfigError, match="gpus is 3, but its DAG reserves 2 slots of the pool `gpu`"):
        training_config(sample, "quick", {"gpus": 3})


def test_a_run_has_more_seeds_only_where_its_dag_has_a_task_that_trains_them():
    assert training_config(sample_with(quick={}, sure={"seeds": 5}), "quick", {"seeds": 3}).seeds == 3
    with pytest.raises(ConfigError, match="seeds is 3, but its DAG has no task that trains with other seeds"):
        training_config(sample_with(quick={}), "quick", {"seeds": 3})
    assert training_config(sample_with(quick={}), "quick", {"seeds": 1}) == TrainingConfig()


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        (
            {"network": "small_cnn", "weights": "imagenet"},
            "small_cnn has no pretrained weights; take one of convnext_tiny",
        ),
        (
            {"network": "mobilenet_v2", "fine_tune_epochs": 3},
            "only pretrained weights are fine-tuned; set weights",
        ),
        ({"network": "plain_cnn", "smaller_first": 0.5}, "plain_cnn takes images of one size; take another network"),
        ({"image_size": 90, "smaller_first": 0.5}, "image_size is 90; expected a multiple of 32 from 64 on, or"),
        ({"image_size": 32, "smaller_first": 0.5}, "image_size is 32; expected a multiple of 32 from 64 on, or"),
        ({"class_weights": True, "class_balance": 0.5}, "small classes would count twice as much as they should; set"),
    ],
)
def test_knobs_that_do_not_fit_each_other_are_refused(knobs, words):
    with pytest.raises(ConfigError, match=words):
        training_config(sample_with(quick={}), "quick", knobs)


@pytest.mark.parametrize("knobs", [{}, {"chosen_epoch": "loss"}])
def test_a_run_that_tunes_keeps_its_last_epoch_unless_it_wants_another(knobs):
    sample = sample_with(frozen={"network": "mobilenet_v2", "weights": "imagenet"})
    found = training_config(sample, "frozen", {"fine_tune_epochs": 3, **knobs})
    assert found.epoch_chosen_by == knobs.get("chosen_epoch", "last")
