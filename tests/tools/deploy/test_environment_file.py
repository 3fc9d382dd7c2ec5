import base64
import re
import stat
import subprocess
import sys

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR
from tools.airflow.home import ToolError
from tools.deploy import environment_file
from tools.deploy.environment_file import SECRETS, main, settings_in, settings_of_gpus, settings_of_input


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Return a catalogue's folder that INPUT names, and the path of the file to write."""
    folder = tmp_path / "input"
    folder.mkdir()
    (folder / "train.bson").touch()
    monkeypatch.setenv("INPUT", str(folder))
    monkeypatch.delenv("GPUS", raising=False)
    return folder, tmp_path / ".env"


def test_the_file_is_private_and_no_secret_is_empty_or_short(shell):
    _, path = shell
    main(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = settings_in(path.read_text("utf-8"))
    assert all(len(found[name]) >= 43 for name in SECRETS)
    assert len({found[name] for name in SECRETS}) == len(SECRETS)
    assert len(base64.urlsafe_b64decode(found["FERNET_KEY"])) == 32


def test_two_files_share_no_secret(shell):
    folder, path = shell
    main(path)
    main(folder / "other")
    one, two = (settings_in(file.read_text("utf-8")) for file in (path, folder / "other"))
    assert not {one[name] for name in SECRETS} & {two[name] for name in SECRETS}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_means_nothing_to_an_address_a_shell_or_compose(name):
    assert all(re.fullmatch(r"[\w=-]+", environment_file.new_secret(name)) for _ in range(50))


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_begins_with_a_letter(name):
    """One that begins with `-` is an option to `airflow users create`: 1 of 64 drawn."""
    assert all(environment_file.new_secret(name)[0].isalpha() for _ in range(1000))


def test_a_file_that_exists_keeps_its_secrets_and_its_comments(shell, monkeypatch, capsys):
    _, path = shell
    main(path)
    text = path.read_text("utf-8").replace("COMPOSE_PROFILES=", "# mine\nWORKER_CONCURRENCY=8\nCOMPOSE_PROFILES=")
    before = settings_in(text)
    path.write_text(re.sub(r"(?m)^JWT_SECRET=.*\n", "", text), encoding="utf-8")
    monkeypatch.delenv("INPUT")
    monkeypatch.setenv("GPUS", "2")
    main(path)
    after = settings_in(path.read_text("utf-8"))
    assert [after[name] for name in SECRETS if name != "JWT_SECRET"] == [
        before[name] for name in SECRETS if name != "JWT_SECRET"
    ]
    assert len(after["JWT_SECRET"]) >= 43
    assert after["WORKER_CONCURRENCY"] == "8"
    assert (after["COMPOSE_PROFILES"], after["CDISCOUNT_GPU_SLOTS"]) == ("gpu", "2")
    assert "# mine\n" in path.read_text("utf-8")
    assert "kept" in capsys.readouterr().out


def test_it_does_not_print_a_secret(shell, capsys):
    _, path = shell
    main(path)
    printed = capsys.readouterr()
    assert not any(
        value in printed.out + printed.err for name, value in settings_in(path.read_text()).items() if name in SECRETS
    )


def test_what_is_beside_the_catalogue_is_named(shell):
    folder, _ = shell
    assert settings_of_input(folder)["CDISCOUNT_WEIGHTS"] == ""
    (folder / "category_names.csv").touch()
    (folder / "weights").mkdir()
    (folder / "test.bson").touch()
    found = settings_of_input(folder)
    assert found["CATALOGUE"] == "train.bson"
    assert found["CDISCOUNT_CATEGORY_NAMES"] == "/opt/cdiscount/input/category_names.csv"
    assert found["CDISCOUNT_WEIGHTS"] == "/opt/cdiscount/input/weights"


def test_without_gpus_no_worker_and_no_queue_wait_for_them():
    found = settings_of_gpus("0")
    assert (found["COMPOSE_PROFILES"], found["CDISCOUNT_GPU_QUEUE"], found["KERAS_BACKEND"]) == ("", "", "tensorflow")
    assert "requirements-gpu.txt" not in found["LOCKS"]


def test_a_number_of_gpus_is_written_without_zeros_before_it():
    assert settings_of_gpus("007")["CDISCOUNT_GPUS"] == settings_of_gpus("007")["CDISCOUNT_GPU_SLOTS"] == "7"
    assert settings_of_gpus("00") == settings_of_gpus("0")


@pytest.mark.parametrize(
    ("before", "slots"),
    [
        ({"CDISCOUNT_GPUS": "1", "CDISCOUNT_GPU_SLOTS": "5"}, "5"),
        ({"CDISCOUNT_GPUS": "1", "CDISCOUNT_GPU_SLOTS": "1"}, "2"),
        ({"CDISCOUNT_GPUS": "", "CDISCOUNT_GPU_SLOTS": "1"}, "2"),
        ({}, "2"),
    ],
)
def test_slots_that_a_person_has_set_are_kept(before, slots):
    wanted = environment_file.wanted_settings({"INPUT": "/input", **before}, {"GPUS": "2"})
    assert (wanted["CDISCOUNT_GPUS"], wanted["CDISCOUNT_GPU_SLOTS"]) == ("2", slots)


@pytest.mark.parametrize(
    ("before", "address"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"UI_PORT": "9090", "AIRFLOW__API__BASE_URL": "http://127.0.0.1:8080"}, "http://127.0.0.1:9090"),
        ({"UI_PORT": "9090", "AIRFLOW__API__BASE_URL": "https://fleet.example.org"}, "https://fleet.example.org"),
    ],
)
def test_the_address_follows_the_port_unless_it_is_a_proxys(before, address):
    assert environment_file.wanted_settings({"INPUT": "/input", **before}, {})["AIRFLOW__API__BASE_URL"] == address


def test_a_file_that_is_not_utf_8_is_refused_and_kept(shell):
    _, path = shell
    path.write_bytes(b"# \xe9t\xe9\nJWT_SECRET=kept\n")
    with pytest.raises(ToolError, match="byte 2 is not UTF-8"):
        main(path)
    assert b"JWT_SECRET=kept" in path.read_bytes()


@pytest.mark.parametrize("gpus", ["one", "-1", "65", "1.5", "²"])
def test_odd_numbers_of_gpus_are_refused(gpus):
    with pytest.raises(ToolError, match="expected a number from 0 to 64"):
        settings_of_gpus(gpus)


def test_a_folder_without_one_catalogue_is_refused(tmp_path):
    with pytest.raises(ToolError, match="expected the folder of the catalogue's BSON file"):
        settings_of_input(tmp_path / "nowhere")
    with pytest.raises(ToolError, match="BSON files are none, expected one"):
        settings_of_input(tmp_path)
    for name in ("a.bson", "b.bson"):
        (tmp_path / name).touch()
    with pytest.raises(ToolError, match=r"BSON files are a\.bson, b\.bson"):
        settings_of_input(tmp_path)


@pytest.mark.parametrize("name", ["a$b", "a:b", "a #b", "a\tb", " a", "#a", "a'b"])
def test_a_path_that_compose_would_change_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "train.bson").touch()
    (tmp_path / f"{name}.bson").touch()
    for folder in (tmp_path / name, tmp_path):
        with pytest.raises(ToolError, match="compose reads quotes"):
            settings_of_input(folder)


def test_a_path_with_a_space_within_is_as_good_as_another(tmp_path):
    (tmp_path / "my data").mkdir()
    (tmp_path / "my data" / "train.bson").touch()
    assert settings_of_input(tmp_path / "my data")["INPUT"] == str(tmp_path / "my data")


def test_a_file_in_place_of_its_folder_is_told(tmp_path):
    (tmp_path / "train.bson").touch()
    with pytest.raises(ToolError, match="which is a file; name its folder"):
        settings_of_input(tmp_path / "train.bson")


def test_a_folder_named_like_a_catalogue_is_none(tmp_path):
    (tmp_path / "train.bson").mkdir()
    (tmp_path / "other.bson").touch()
    assert settings_of_input(tmp_path)["CATALOGUE"] == "other.bson"


@pytest.mark.parametrize("module", ["environment_file", "kubernetes_secret", "healthy"])
def test_a_server_with_docker_alone_needs_no_set_up(module):
    command = [sys.executable, "-S", "-c", f"import tools.deploy.{module}"]
    assert subprocess.run(command, cwd=PROJECT_DIR, env={"PYTHONPATH": str(PROJECT_DIR)}, check=False).returncode == 0


def test_the_folder_must_be_named_once(shell, monkeypatch):
    _, path = shell
    monkeypatch.delenv("INPUT")
    with pytest.raises(ToolError, match="make env INPUT="):
        main(path)
    assert not path.exists()
