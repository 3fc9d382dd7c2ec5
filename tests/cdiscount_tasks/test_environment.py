from pathlib import Path

import pytest

from cdiscount_tasks.environment import PROJECT_DIR, read_environment
from cdiscount_tasks.errors import ConfigError


def test_without_variables_the_demo_catalogue_below_the_project_is_used():
    environment = read_environment({})
    assert environment.uses_demo_catalogue
    assert environment.catalogue_path == PROJECT_DIR / "data" / "demo" / "catalogue.bson"


def test_an_empty_variable_counts_as_unset():
    assert read_environment({"CDISCOUNT_CATALOGUE": "", "CDISCOUNT_MAX_REJECTED_SHARE": ""}) == read_environment({})


def test_the_demo_keeps_its_artifacts_apart_from_those_of_real_data():
    demo = read_environment({"CDISCOUNT_DATA": "/d"})
    real = read_environment({"CDISCOUNT_DATA": "/d", "CDISCOUNT_CATALOGUE": "/c/train.bson"})
    assert (demo.work_dir, real.work_dir) == (Path("/d/demo"), Path("/d"))


def test_the_demo_catalogue_named_by_its_path_is_still_the_demo():
    environment = read_environment({"CDISCOUNT_DATA": "/d", "CDISCOUNT_CATALOGUE": "/d/demo/catalogue.bson"})
    assert environment.uses_demo_catalogue


def test_a_real_catalogue_has_no_names_unless_they_are_given():
    assert read_environment({"CDISCOUNT_CATALOGUE": "/c/train.bson"}).names_path is None


def test_a_relative_path_becomes_absolute():
    assert read_environment({"CDISCOUNT_CATALOGUE": "train.bson"}).catalogue_path == Path.cwd() / "train.bson"


@pytest.mark.parametrize("text", ["many", "nan", "-0.1", "1.5"])
def test_an_impossible_share_is_refused_with_the_variables_name(text):
    with pytest.raises(ConfigError, match=r"CDISCOUNT_MAX_REJECTED_SHARE is '.*', expected a number from 0 to 1"):
        read_environment({"CDISCOUNT_MAX_REJECTED_SHARE": text})


def test_prices_are_unknown_unless_they_are_given():
    unset = read_environment({})
    assert (unset.price_per_cpu_hour, unset.price_per_gpu_hour, unset.currency) == (None, None, "EUR")
    given = read_environment({"CDISCOUNT_PRICE_PER_GPU_HOUR": "2.5", "CDISCOUNT_CURRENCY": "USD"})
    assert (given.price_per_cpu_hour, given.price_per_gpu_hour, given.currency) == (None, 2.5, "USD")


def test_a_price_that_is_no_number_is_refused_with_the_variables_name():
    with pytest.raises(ConfigError, match="CDISCOUNT_PRICE_PER_CPU_HOUR is 'cheap'"):
        read_environment({"CDISCOUNT_PRICE_PER_CPU_HOUR": "cheap"})


@pytest.mark.parametrize("text", ["0", "65", "two"])
def test_an_impossible_number_of_slots_is_refused(text):
    with pytest.raises(ConfigError, match=r"CDISCOUNT_GPU_SLOTS is '.*', expected a number from 1 to 64"):
        read_environment({"CDISCOUNT_GPU_SLOTS": text})


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("", ("log",)),
        ("none", ()),
        ("log, email:ml-team@example.org,log", ("log", "email:ml-team@example.org")),
    ],
)
def test_reports_and_failures_are_told_in_the_log_unless_other_ways_are_named(text, ways):
    assert read_environment({"CDISCOUNT_NOTIFY": text}).notify == ways


@pytest.mark.parametrize("text", ["mail:a@example.org", "email:nobody", "log,", "none, log", "email:a@b c@d"])
def test_an_unknown_way_to_notify_is_refused_with_the_variables_name(text):
    with pytest.raises(ConfigError, match=r"CDISCOUNT_NOTIFY has '.*', expected log, email:name@example.org"):
        read_environment({"CDISCOUNT_NOTIFY": text})


def test_a_windows_line_end_is_no_part_of_a_value(tmp_path):
    environ = {"CDISCOUNT_DATA": f"{tmp_path}\r", "CDISCOUNT_GPU_SLOTS": "2\r\n", "CDISCOUNT_CURRENCY": "CHF\r"}

    environment = read_environment({**environ, "CDISCOUNT_WEIGHTS": "\r"})

    assert (environment.data_dir, environment.gpu_slots, environment.currency) == (tmp_path, 2, "CHF")
    assert environment.weights_dir is None


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ('"/data/x"', "quotes included; write the path without them"),
        ("~no-such-user/x", "the home of that user is not known"),
    ],
)
def test_a_path_that_would_be_another_one_is_refused(value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read_environment({"CDISCOUNT_DATA": value})
