import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.profile_file import PROFILE, profiled_indexes, read_profile


def test_a_profile_is_read_as_it_was_written(tmp_path):
    write_json(tmp_path / PROFILE, {"num_products": 3})

    assert read_profile(tmp_path) == {"num_products": 3}


def test_a_missing_profile_is_named(tmp_path):
    with pytest.raises(DataError, match=r"profile\.json: cannot be read"):
        read_profile(tmp_path)


def test_indexes_with_a_profile_are_found_by_name(tmp_path):
    for name in ("index-b", "index-a", "index-c", ".index-d.part"):
        (tmp_path / name).mkdir()
    for name in ("index-b", "index-a", ".index-d.part"):
        write_json(tmp_path / name / PROFILE, {})

    assert [path.name for path in profiled_indexes(tmp_path)] == ["index-a", "index-b"]
