import re

import pytest

from cdiscount_tasks.errors import ConfigError
from tools.airflow.home import ToolError
from tools.sample_name import sample_in_shell


@pytest.fixture
def samples(tmp_path, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_SAMPLES", str(tmp_path))
    for name in ("tea.yaml", "coffee.yaml", "chairs.yml"):
        (tmp_path / name).write_text("title: x")
    return tmp_path


def asked(monkeypatch, name):
    monkeypatch.setenv("SAMPLE", name)
    return sample_in_shell("make tea SAMPLE=tea")


def test_the_sample_that_is_named_is_returned(samples, monkeypatch):
    assert asked(monkeypatch, "tea") == "tea"


@pytest.mark.parametrize("name", ["", "tee", "../tea", "tea\t"])
def test_a_name_without_a_yaml_is_refused_with_those_that_have_one(samples, monkeypatch, name):
    told = f"SAMPLE is {name!r}, expected one of: coffee, tea; as in `make tea SAMPLE=tea`"
    with pytest.raises(ToolError, match=re.escape(told)):
        asked(monkeypatch, name)


def test_a_file_of_a_wrong_name_is_told(samples, monkeypatch):
    with pytest.raises(ConfigError, match=r"chairs\.yml: a sample's file ends in \.yaml; rename it"):
        asked(monkeypatch, "chairs")


def test_a_folder_without_samples_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_SAMPLES", str(tmp_path))
    with pytest.raises(ToolError, match=re.escape(f"(none in {tmp_path})")):
        asked(monkeypatch, "tea")
