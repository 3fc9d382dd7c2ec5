import pytest

from cdiscount_tasks.artifacts.catalogue_note import CatalogueNote, note_path, read_note, write_note
from cdiscount_tasks.errors import DataError


@pytest.fixture
def sample_dir(tmp_path):
    return tmp_path / "sample-0123456789abcdef"


def test_a_note_is_beside_the_sample_and_not_in_it(sample_dir):
    write_note(sample_dir, CatalogueNote(sample_dir / "train.bson", 7))
    assert note_path(sample_dir).name == "sample-0123456789abcdef.catalogue.json"
    assert sorted(sample_dir.parent.iterdir()) == [note_path(sample_dir)]


def test_the_last_note_holds(sample_dir):
    for name in ("old.bson", "é new.bson"):
        write_note(sample_dir, CatalogueNote(sample_dir / name, 7))
    assert read_note(sample_dir) == (sample_dir / "é new.bson", 7)


def test_a_missing_note_is_said_with_what_writes_it(sample_dir):
    with pytest.raises(DataError, match=r"sample-0123456789abcdef\.catalogue\.json: is missing; .* task draw_sample"):
        read_note(sample_dir)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"catalogue": 3, "num_bytes": 1}', '{"catalogue": "a.bson"}'])
def test_a_damaged_note_is_said(sample_dir, text):
    note_path(sample_dir).write_text(text)
    with pytest.raises(DataError, match="is damaged"):
        read_note(sample_dir)
