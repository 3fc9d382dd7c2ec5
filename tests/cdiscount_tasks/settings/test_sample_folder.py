from pathlib import Path

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.sample_folder import check_file_name, sample_names, sample_paths


@pytest.fixture
def folder(tmp_path):
    for name in ("tea.yaml", "chairs.yml", "beds.YAML.txt", ".hidden.yaml", "notes.txt", "Red Wine.yaml"):
        (tmp_path / name).touch()
    return tmp_path


def test_what_is_meant_as_a_sample_is_listed_by_name_and_nothing_else(folder):
    assert [path.name for path in sample_paths(folder)] == ["Red Wine.yaml", "beds.YAML.txt", "chairs.yml", "tea.yaml"]


def test_a_samples_name_is_that_of_a_yaml_file_of_usable_characters(folder):
    assert sample_names(folder) == ["tea"]


def test_a_folder_that_does_not_exist_has_no_samples(tmp_path):
    assert sample_paths(tmp_path / "none") == []


def test_a_file_in_place_of_the_folder_is_refused_with_the_variables_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file: cannot be listed .*; CDISCOUNT_SAMPLES names the folder"):
        sample_paths(tmp_path / "file")


@pytest.mark.parametrize("name", ["chairs.yml", "chairs.yaml.txt", "chairs.YAML"])
def test_a_file_that_nothing_would_find_is_refused_with_the_name_that_it_needs(name):
    with pytest.raises(ConfigError, match=r"rename it to .*chairs\.yaml"):
        check_file_name(Path(name))


def test_a_file_that_ends_in_yaml_has_a_right_name():
    check_file_name(Path("chairs.yaml"))
