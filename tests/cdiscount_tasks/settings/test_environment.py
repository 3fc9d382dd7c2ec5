from pathlib import Path

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import PROJECT_DIR, check_folders, read_environment


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


def test_all_runs_are_kept_unless_a_number_is_given():
    assert read_environment({}).keep_runs is None
    assert read_environment({"CDISCOUNT_KEEP_RUNS": "10"}).keep_runs == 10


@pytest.mark.parametrize("text", ["0", "-1", "all", "2.5"])
def test_an_impossible_number_of_kept_runs_is_refused(text):
    with pytest.raises(ConfigError, match="CDISCOUNT_KEEP_RUNS is"):
        read_environment({"CDISCOUNT_KEEP_RUNS": text})


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


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        (" https://mlflow.example.org/team/ ", "https://mlflow.example.org/team"),
    ],
)
def test_the_server_of_the_mirror_is_a_web_address(text, address):
    assert read_environment({"CDISCOUNT_MLFLOW": text}).mlflow_url == address


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:5000", "sqlite:///mlflow.db", "databricks", "http://", "http://h:port", "http://h o", "http://h?a=1",
     "http://ann:secret@127.0.0.1:5000", "https://secret@h/path"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused_without_showing_a_password(text):
    with pytest.raises(ConfigError, match="CDISCOUNT_MLFLOW is no address of a server") as caught:
        read_environment({"CDISCOUNT_MLFLOW": text})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CDISCOUNT_CATALOG", "/c.bson", "'CDISCOUNT_CATALOG' is unknown; did you mean CDISCOUNT_CATALOGUE?"),
        ("cdiscount_data", "/d", "'cdiscount_data' is unknown; did you mean CDISCOUNT_DATA?"),
        ("CDISCOUNT_DATA", "/d\n/e", r"CDISCOUNT_DATA is '/d\n/e': it has an invisible character"),
        ("CDISCOUNT_DATA", "/d\u200b", r"CDISCOUNT_DATA is '/d\u200b': it has an invisible character"),
        ("CDISCOUNT_DATA", "/d\udce9", r"CDISCOUNT_DATA is '/d\udce9': it has bytes that are not UTF-8"),
        ("CDISCOUNT_DATA", '"/d"', "write it without the quotes"),
        ("CDISCOUNT_DATA", '/d"', "write it without the quotes"),
        ("CDISCOUNT_DATA", "'/d", "write it without the quotes"),
        ("CDISCOUNT_DATA", "/d # the big disk", "remove the comment"),
        ("CDISCOUNT_CURRENCY", "   ", "it has only spaces; give it a value, or unset it"),
        ("CDISCOUNT_FIXES", "/f", "'CDISCOUNT_FIXES' is unknown; did you mean CDISCOUNT_LABEL_FIXES?"),
        ("CDISCOUNT_NAMES", "/n", "'CDISCOUNT_NAMES' is unknown; did you mean CDISCOUNT_CATEGORY_NAMES?"),
        ("CDISCOUT_CATALOGUE", "/c", "'CDISCOUT_CATALOGUE' is unknown; did you mean CDISCOUNT_CATALOGUE?"),
        ("CDISCOUNT-DATA", "/d", "'CDISCOUNT-DATA' is unknown; did you mean CDISCOUNT_DATA?"),
        ("CDISCOUNT_WINE", "red", "'CDISCOUNT_WINE' is unknown; known are CDISCOUNT_CACHE, "),
        ("CDISCOUNT_DATA", " /d", "remove the space before or after it"),
        ("CDISCOUNT_DATA", "$HOME/d", "a variable in it was not replaced"),
        ("CDISCOUNT_DATA", "~nobody-of-that-name/d", "that user has no home folder"),
        ("CDISCOUNT_MAX_REJECTED_SHARE", "0_1", "CDISCOUNT_MAX_REJECTED_SHARE is '0_1', expected a number from 0 to 1"),
        ("CDISCOUNT_GPU_SLOTS", "010", "CDISCOUNT_GPU_SLOTS is '010', expected a number from 1 to 64"),
        ("CDISCOUNT_GPU_SLOTS", "\u0663", "expected a number from 1 to 64"),
        ("CDISCOUNT_CURRENCY", "E\tR", "it has an invisible character"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_meant_so_is_refused(name, value, words):
    with pytest.raises(ConfigError) as caught:
        read_environment({name: value})
    assert words in str(caught.value)


def test_the_line_end_of_a_windows_file_is_no_part_of_a_value():
    assert read_environment({"CDISCOUNT_DATA": "/d\r", "CDISCOUNT_GPU_SLOTS": "2\r\n", "CDISCOUNT_NOTIFY": "\r"}) == (
        read_environment({"CDISCOUNT_DATA": "/d", "CDISCOUNT_GPU_SLOTS": "2"})
    )


@pytest.fixture
def folders(tmp_path):
    """Return variables whose folders are all there."""
    names = ("SAMPLES", "LABEL_FIXES", "REPORTS", "WEIGHTS")
    for name in names:
        (tmp_path / name).mkdir()
    return {f"CDISCOUNT_{name}": str(tmp_path / name) for name in names}


@pytest.mark.parametrize("name", ["CDISCOUNT_SAMPLES", "CDISCOUNT_LABEL_FIXES", "CDISCOUNT_WEIGHTS"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such folder"),
        ("file", "it is a file, expected a folder"),
        ("link", "it is a link to nothing"),
    ],
)
def test_a_variable_that_names_no_folder_is_refused(folders, tmp_path, name, kind, words):
    wrong = make_wrong(tmp_path, kind)
    with pytest.raises(ConfigError, match=rf"wrong: {words}, though {name} names it; set it to a folder"):
        check_folders(read_environment({**folders, name: str(wrong)}))


def test_another_programs_variable_is_none_of_ours():
    assert read_environment({"DISCOUNT_CODE": "x", "CDISCOUNTS": "y", "DATA": "z"}) == read_environment({})


def make_wrong(tmp_path, kind):
    """Return a path that is no folder."""
    wrong = tmp_path / "wrong"
    if kind == "loop":
        wrong.symlink_to(wrong)
    if kind == "long":
        wrong = tmp_path / ("wrong" * 60)
    if kind == "file":
        wrong.write_text("")
    elif kind == "link":
        wrong.symlink_to(tmp_path / "nothing")
    return wrong


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("file", "it is a file, expected a folder"),
        ("link", "it is a link to nothing"),
        ("loop", "it is a link that leads back to itself"),
        ("long", "its name is too long"),
    ],
)
@pytest.mark.parametrize("below", ["", "a/b"])
@pytest.mark.parametrize("name", ["CDISCOUNT_REPORTS", "CDISCOUNT_DATA"])
def test_a_folder_that_could_not_be_made_is_refused_before_anything_runs(folders, tmp_path, kind, words, below, name):
    wrong = make_wrong(tmp_path, kind)
    with pytest.raises(ConfigError, match=f"{words}, though {name} names it"):
        check_folders(read_environment({**folders, name: str(wrong / below)}))


def test_folders_that_are_there_or_can_be_made_are_right(folders, tmp_path):
    check_folders(read_environment({**folders, "CDISCOUNT_REPORTS": str(tmp_path / "new" / "reports")}))
    check_folders(read_environment({}))


def test_a_fleet_is_unset_on_a_laptop():
    unset = read_environment({"CDISCOUNT_GPU_QUEUE": "", "CDISCOUNT_GPU_EXECUTOR": ""})
    assert (unset.gpus, unset.gpu_queue, unset.gpu_executor, unset.commit) == (None, None, None, None)


def test_a_fleet_has_slots_and_each_of_its_machines_gpus():
    given = read_environment(
        {
            "CDISCOUNT_GPU_SLOTS": "8", "CDISCOUNT_GPUS": "2", "CDISCOUNT_GPU_QUEUE": "gpu",
            "CDISCOUNT_GPU_EXECUTOR": "my.module.Executor", "CDISCOUNT_COMMIT": "0123456789ab-dirty",
        }
    )  # fmt: skip
    assert (given.gpu_slots, given.gpus, given.gpu_queue) == (8, 2, "gpu")
    assert (given.gpu_executor, given.commit) == ("my.module.Executor", "0123456789ab-dirty")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("GPUS", "0", "CDISCOUNT_GPUS is '0', expected a number from 1 to 64; unset it where a CPU may do the work"),
        ("GPUS", "1.5", "CDISCOUNT_GPUS is '1.5', expected a whole number"),
        ("GPU_QUEUE", "gpu,default", "CDISCOUNT_GPU_QUEUE is 'gpu,default', expected the name of one queue"),
        ("GPU_EXECUTOR", "LocalExecutor,CeleryExecutor", "CDISCOUNT_GPU_EXECUTOR is .*, expected one executor"),
        ("COMMIT", "main", "CDISCOUNT_COMMIT is 'main', expected a commit, 7 to 64 hex digits"),
    ],
)
def test_a_setting_of_a_fleet_that_cannot_be_meant_is_refused(name, text, words):
    with pytest.raises(ConfigError, match=words):
        read_environment({f"CDISCOUNT_{name}": text})
