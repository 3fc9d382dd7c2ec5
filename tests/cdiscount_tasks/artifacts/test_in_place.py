import pytest

from cdiscount_tasks.artifacts import in_place


@pytest.mark.parametrize("can_exchange", [True, False])
def test_swapping_works_with_and_without_the_systems_exchange(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(in_place.ctypes, "CDLL", lambda _: object())
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    in_place.swap_folder(tmp_path / "new", tmp_path / "old")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert ((tmp_path / "old" / "a").read_text(), names) == ("new", ["old"])
