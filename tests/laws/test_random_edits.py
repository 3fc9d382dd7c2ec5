"""Random slips in each kind of input: it is refused in a sentence, or read as a second reading reads it."""

import json
import random
import re
from pathlib import Path

import pytest

from cdiscount_tasks.catalogue.names import COLUMNS, read_category_names
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.labelling.rules import read_fixes
from cdiscount_tasks.labelling.split import read_split_file
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.run import training_config
from cdiscount_tasks.settings.sample import read_sample
from tests.conftest import TEST_SCALE
from tests.material.random_edits import csv_rows, edited, encoded, means, yaml_tree
from tools.airflow.home import ToolError
from tools.conf import read_conf

SEEDS = range(max(1, round(5 * TEST_SCALE)))
"""200 edits of each kind in `make campaigns`."""

LINE_END = re.compile("\r\n|\r|\n")

WINE = """name: wine
title: Wine
description: Five categories that look alike, bottle by bottle.
tags: [similar, red]
categories:
  - 1000003437   # WHISKY-BOURBON-SCOTCH
  - 1000003400
  - "level2: VIN"
max_products_per_category: null
seed: 0
split: {train: 0.70, validation: 0.15, test: 0.15}
embed_pictures: yes
schedule: {cron: "0 3 * * 1", on_new_index: true, deadline_hours: 12}
default_preset: baseline
presets:
  smoke: &base {network: small_cnn, image_size: 64, epochs: 8, batch_size: 64}
  baseline: {<<: *base, epochs: 30, learning_rate: 1e-3}
  transfer: {network: mobilenet_v2, weights: imagenet, mirrored_features: no, fine_tune_share: 0.57}
"""
NAMES = f"""{",".join(COLUMNS)}
1000003400,EPICERIE,VIN,VIN ROUGE
1000003402,EPICERIE,VIN,"VIN BLANC, 75 CL"
-1,EPICERIE,AUTRE ,"SAC ""BIG"" "
12,JEUX,JEUX D'EXTERIEUR,BALLE 10"
13,JEUX,PUZZLE,ADULTE
14,JEUX,PUZZLE,ENFANT
"""
FIXES = """product_id,category_id,reason
1,5,seen
2,,"no bottle, but a box"
-3,6,score 3 of 5
4,5,"a ""red"" one"
5,6,x
"""
SPLITS = """product_id,split
1,train
2,validation
3,test
-4,train
5,test
"""
CONF = (
    '{"preset": "smoke", "epochs": 3, "learning_rate": 0.01, "class_weights": true, "network": "plain_cnn", "seed": 7}'
)


def refused_or(read, name=""):
    """Return what is read, or None where it is refused in one sentence that can be printed and names the file."""
    try:
        return read()
    except (ConfigError, DataError, ToolError) as error:
        sentence = str(error)
        assert sentence.encode()
        assert "\n" not in sentence
        assert name in sentence
        return None


def written(tmp_path, name, kind, seed, text):
    """Write a file with slips in it; returns its path and its text, None where it is no UTF-8."""
    rng = random.Random(f"{kind} {seed}")
    data = encoded(rng, edited(rng, text))
    path = tmp_path / name
    path.write_bytes(data)
    try:
        return path, data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return path, None


def assert_means(tree, value, place=""):
    """Compare settings with the texts that a second reading found for them."""
    if isinstance(tree, dict):
        for name, part in tree.items():
            assert_means(part, value[name], f"{place}.{name}")
    elif isinstance(tree, list):
        assert len(tree) == len(value), place
        for number, part in enumerate(tree):
            assert_means(part, value[number], f"{place}.{number}")
    else:
        assert means(tree, value), f"{place}: the file says {tree!r}, {value!r} was read"


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edited_sample_is_refused_or_means_what_its_texts_say(tmp_path, seed):
    path, text = written(tmp_path, "wine.yaml", "yaml", seed, WINE)
    sample = refused_or(lambda: read_sample(path), "wine.yaml: ")
    if sample is not None:
        assert_means(yaml_tree(text), sample.model_dump())


def second_rows(text, columns):
    """Read a CSV by hand, with the separator that names its columns; returns the columns' fields by row."""
    first = LINE_END.split(text.removeprefix("\ufeff"))[0]
    named = {separator: {name.strip().strip('"').strip() for name in first.split(separator)} for separator in ",;\t"}
    header, *rows = csv_rows(text, next(separator for separator in named if set(columns) <= named[separator]))
    assert all(len(row) == len(header) for row in rows)
    return [[row[header.index(name)] for name in columns] for row in rows]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edited_names_csv_is_refused_or_read_row_by_row(tmp_path, seed):
    path, text = written(tmp_path, "names.csv", "names", seed, NAMES)
    names = refused_or(lambda: read_category_names(path), "names.csv: ")
    if names is not None:
        rows = second_rows(text, COLUMNS)
        looks_like_rows = [
            line for line in LINE_END.split(text)[1:] if len(re.findall("[,;\t]", line)) >= len(COLUMNS) - 1
        ]
        assert len([line for line in looks_like_rows if line.strip(" ,;\t")]) <= len(names) == len(rows)
        for category_id, *levels in rows:
            assert means(category_id, int(category_id))
            assert list(names[int(category_id)]) == levels


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edited_fixes_csv_is_refused_or_read_row_by_row(tmp_path, seed):
    path, text = written(tmp_path, "fixes.csv", "fixes", seed, FIXES)
    fixes = refused_or(lambda: read_fixes(path, {5, 6}), "fixes.csv: ")
    if fixes is not None:
        rows = second_rows(text, ["product_id", "category_id", "reason"])
        read = zip(fixes["product_id"], fixes["category_id"].fillna(0), strict=True)
        assert [[product, category] for product, category, _ in rows] == [
            [str(product), str(category) if category else ""] for product, category in read
        ]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edited_split_csv_is_refused_or_read_row_by_row(tmp_path, seed):
    path, text = written(tmp_path, "split.csv", "split", seed, SPLITS)
    splits = refused_or(lambda: read_split_file(path), "split.csv: ")
    if splits is not None:
        rows = second_rows(text, ["product_id", "split"])
        assert [[str(product), split] for product, split in splits.items()] == rows


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("samples") / "wine.yaml"
    path.write_text(WINE)
    return read_sample(path)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edited_conf_is_refused_or_sets_what_its_texts_say(sample, monkeypatch, seed):
    text = edited(random.Random(f"conf {seed}"), CONF).replace("\0", "")
    monkeypatch.setenv("CONF", text)
    monkeypatch.delenv("PRESET", raising=False)

    def read():
        conf = read_conf()
        knobs = {name: value for name, value in conf.items() if name != "preset"}
        return training_config(sample, conf.get("preset", sample.default_preset), knobs)

    config = refused_or(read)
    if config is not None:
        pairs = json.loads(text or "{}", parse_int=str, parse_float=str, object_pairs_hook=list)
        assert len(dict(pairs)) == len(pairs)
        for name, value in pairs:
            if name != "preset" and value is not None:
                found = getattr(config, name)
                assert value is found if isinstance(value, bool) else means(value, found)


ENVIRON = {
    "CDISCOUNT_CATALOGUE": "/data/train.bson", "CDISCOUNT_DATA": "/data/out", "CDISCOUNT_LABEL_FIXES": "/data/fixes",
    "CDISCOUNT_MAX_REJECTED_SHARE": "0.01", "CDISCOUNT_GPU_SLOTS": "2", "CDISCOUNT_PRICE_PER_CPU_HOUR": "0.05",
    "CDISCOUNT_CURRENCY": "EUR", "CDISCOUNT_NOTIFY": "log,email:a@example.org",
    "CDISCOUNT_MLFLOW": "http://127.0.0.1:5000",
}  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_edited_variables_are_refused_or_mean_what_their_texts_say(seed):
    rng = random.Random(f"environment {seed}")
    environ = dict(ENVIRON)
    name = rng.choice(list(environ))
    value = environ.pop(name)
    name = edited(rng, name) if rng.random() < 0.2 else name
    environ[name] = edited(rng, value)
    read = refused_or(lambda: read_environment(environ))
    if read is not None and not environ[name].startswith("~"):
        said = {name: environ[name].rstrip("\r\n") for name in ENVIRON if environ.get(name, "").rstrip("\r\n")}
        if "CDISCOUNT_CATALOGUE" in said:
            assert read.catalogue_path == Path.cwd() / said["CDISCOUNT_CATALOGUE"]
        if "CDISCOUNT_DATA" in said:
            assert read.data_dir == Path.cwd() / said["CDISCOUNT_DATA"]
        if "CDISCOUNT_LABEL_FIXES" in said:
            assert read.label_fixes_dir == Path.cwd() / said["CDISCOUNT_LABEL_FIXES"]
        numbers = {
            "CDISCOUNT_MAX_REJECTED_SHARE": read.max_rejected_share,
            "CDISCOUNT_GPU_SLOTS": float(read.gpu_slots),
            "CDISCOUNT_PRICE_PER_CPU_HOUR": read.price_per_cpu_hour,
        }
        assert all(means(said[name].strip(), number) for name, number in numbers.items() if name in said)
        assert read.currency == said.get("CDISCOUNT_CURRENCY", "EUR")
        ways = [way.strip() for way in said.get("CDISCOUNT_NOTIFY", "log").split(",")]
        assert list(read.notify) == ([] if ways == ["none"] else list(dict.fromkeys(ways)))
        assert (read.mlflow_url or "") == said.get("CDISCOUNT_MLFLOW", "").strip().rstrip("/")


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_both_readers_keep_the_line_end_inside_a_quoted_name(tmp_path, end):
    (tmp_path / "names.csv").write_bytes(f'{",".join(COLUMNS)}\n5,A,B,"C{end}D"\n'.encode())
    text = (tmp_path / "names.csv").read_bytes().decode()
    assert (
        list(read_category_names(tmp_path / "names.csv")[5])
        == second_rows(text, COLUMNS)[0][1:]
        == ["A", "B", f"C{end}D"]
    )


def test_the_texts_without_slips_are_read_and_mean_what_they_say(tmp_path, sample):
    assert_means(yaml_tree(WINE), sample.model_dump())
    for name, text in (("names.csv", NAMES), ("fixes.csv", FIXES), ("split.csv", SPLITS)):
        (tmp_path / name).write_text(text)
    assert len(read_category_names(tmp_path / "names.csv")) == len(second_rows(NAMES, COLUMNS)) == 6
    assert len(read_fixes(tmp_path / "fixes.csv", {5, 6})) == len(read_split_file(tmp_path / "split.csv")) == 5
    assert read_environment(ENVIRON).gpu_slots == 2
