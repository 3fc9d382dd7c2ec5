import os
import time

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.catalogue import open_catalogue, reason_to_wait
from cdiscount_tasks.settings.environment import read_environment

SAMPLE = "name: {name}\ntitle: Tea\ncategories: {categories}\ndefault_preset: a\npresets: {{a: {{}}}}\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A catalogue written an hour ago, and a folder of samples."""
    (tmp_path / "samples").mkdir()
    path = tmp_path / "catalogue.bson"
    path.write_bytes(b"bytes")
    os.utime(path, (time.time() - 3600,) * 2)
    for name, value in {"CATALOGUE": path, "DATA": tmp_path / "data", "SAMPLES": tmp_path / "samples"}.items():
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(value))
    monkeypatch.delenv("CDISCOUNT_CATEGORY_NAMES", raising=False)
    return tmp_path


def test_a_catalogue_that_lies_still_is_not_waited_for(place):
    assert reason_to_wait(read_environment()) is None


def test_a_catalogue_that_is_being_written_is_waited_for(place):
    (place / "catalogue.bson").write_bytes(b"\x05\0\0\0\0more bytes")
    assert "was written to 0 s ago" in reason_to_wait(read_environment())


def test_no_catalogue_is_a_reason_to_wait_and_an_error_for_who_opens_it(place):
    (place / "catalogue.bson").unlink()
    assert "no catalogue stands there" in reason_to_wait(read_environment())
    with pytest.raises(ConfigError, match="no catalogue stands there"):
        open_catalogue()


def test_names_that_are_set_and_missing_are_told(place, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_CATEGORY_NAMES", str(place / "nowhere.csv"))
    with pytest.raises(ConfigError, match="CDISCOUNT_CATEGORY_NAMES names it"):
        open_catalogue()


def test_another_content_has_another_folder(place):
    before = open_catalogue().index_parent_dir
    (place / "catalogue.bson").write_bytes(b"other")
    assert open_catalogue().index_parent_dir != before
    assert before.parent == place / "data" / "catalogues"


def test_a_broken_sample_is_left_out_and_the_others_stay(place, caplog):
    (place / "samples" / "tea.yaml").write_text(SAMPLE.format(name="tea", categories=[30, 20]))
    (place / "samples" / "all_of_it.yaml").write_text(SAMPLE.format(name="all_of_it", categories="all"))
    (place / "samples" / "torn.yaml").write_text("name: [")
    samples = open_catalogue().samples()
    assert [(sample.name, sample.category_ids) for sample in samples] == [("all_of_it", None), ("tea", (20, 30))]
    assert "torn.yaml" in caplog.text
