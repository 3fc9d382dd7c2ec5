import io
import tarfile

import pytest

from cdiscount_tasks.artifacts.json_files import json_text
from cdiscount_tasks.errors import DataError
from tools.backup import archive

CONTENT = {"data/a.bin": b"a" * 3000, "reports/é.html": "<p>é</p>".encode(), "data/empty": b""}


@pytest.fixture
def path(tmp_path):
    """Return a whole archive."""
    path = tmp_path / "backup.tar"
    with archive.writing(path, {"airflow": "3.3.2"}) as writer:
        for name, content in CONTENT.items():
            file = tmp_path / "file"
            file.write_bytes(content)
            writer.add(name, file)
    return path


def test_an_archive_gives_back_what_was_put_in(path):
    assert archive.read_head(path) == {"airflow": "3.3.2", "format": archive.FORMAT}
    found = archive.check_archive(path)
    assert {name: packed.size for name, packed in found.items()} == {name: len(one) for name, one in CONTENT.items()}
    read = {name: content.read() for name, _, content in archive.iter_members(path)}
    assert {name: read[name] for name in CONTENT} == CONTENT


def test_only_its_owner_may_read_an_archive(path):
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_archive_that_is_not_finished_has_no_name(tmp_path):
    with (
        pytest.raises(DataError, match="gone: was changed or removed while it was backed up; back up again"),
        archive.writing(tmp_path / "backup.tar", {}) as writer,
    ):
        writer.add("data/gone", tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_an_archive_that_is_cut_short_is_refused(path, share):
    whole = path.read_bytes()
    # Behind the last file there are zeros alone, which tar needs and we do not.
    end = whole.rindex(b"}\n") + 2
    path.write_bytes(whole[: int(end * share)])
    with pytest.raises(DataError, match=r"backup\.tar: .*; copy it again, or take a different archive"):
        archive.read_head(path)
        archive.check_archive(path)


def test_an_archive_in_which_a_byte_changed_is_refused_wherever_that_is(path):
    whole = path.read_bytes()
    for at in range(0, whole.rindex(b"}\n"), 97):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        path.write_bytes(changed)
        try:
            found = archive.check_archive(path)
        except DataError:
            continue
        # A byte of padding, or of a name's rights, says nothing of a file.
        assert {name: facts[:2] for name, facts in found.items()} == {
            name: (len(content), archive.copy_hashed(io.BytesIO(content))[1]) for name, content in CONTENT.items()
        }


def tar_of(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, "elsewhere"
            tar.addfile(info, io.BytesIO(content))
    return path


HEAD = ("backup.json", json_text({"format": archive.FORMAT}).encode(), tarfile.REGTYPE)


@pytest.mark.parametrize(
    "odd",
    [
        ("../../etc/passwd", b"x", tarfile.REGTYPE),
        ("/etc/passwd", b"x", tarfile.REGTYPE),
        ("data/link", b"", tarfile.SYMTYPE),
        ("data/device", b"", tarfile.CHRTYPE),
    ],
)
def test_what_no_back_up_holds_is_refused(tmp_path, odd):
    path = tar_of(tmp_path / "odd.tar", [HEAD, odd])
    with pytest.raises(DataError, match=r"odd\.tar: has '.*', which no back-up of this project holds"):
        archive.check_archive(path)


@pytest.mark.parametrize("version", [0, 2, "one", None])
def test_an_archive_of_another_version_is_refused(tmp_path, version):
    head = ("backup.json", json_text({"format": version}).encode(), tarfile.REGTYPE)
    path = tar_of(tmp_path / "odd.tar", [head])
    with pytest.raises(
        DataError, match=r"odd\.tar: is an archive of version .*, expected 1; restore it with the version"
    ):
        archive.read_head(path)


@pytest.mark.parametrize(
    "members", [[("readme.txt", b"hello", tarfile.REGTYPE)], [("backup.json", b"[" * 5000, tarfile.REGTYPE)]]
)
def test_a_tar_that_is_no_back_up_is_refused(tmp_path, members):
    with pytest.raises(DataError, match="does not begin as an archive of `make backup`"):
        archive.read_head(tar_of(tmp_path / "odd.tar", members))


@pytest.mark.parametrize("content", [b"", b"hello" * 1000, b"\x1f\x8b" + b"x" * 600])
def test_a_file_that_is_no_tar_is_refused(tmp_path, content):
    path = tmp_path / "odd.tar"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"odd\.tar: is no archive of `make backup`, or was cut short"):
        archive.read_head(path)


def test_a_list_of_files_that_cannot_be_read_is_refused(tmp_path):
    path = tar_of(tmp_path / "odd.tar", [HEAD, ("manifest.json", b"[1", tarfile.REGTYPE)])
    with pytest.raises(DataError, match="its list of files cannot be read"):
        archive.check_archive(path)
