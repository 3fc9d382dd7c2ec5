"""What is given in place of a catalogue is named in the first second, with the way to the catalogue."""

import bz2
import gzip
import io
import json
import lzma
import re
import shutil
import struct
import subprocess
import tarfile
import zipfile

import bson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.catalogue.kind import reason_no_catalogue
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages.index import plan_ranges
from tests.material.tiny_catalogue import RED, draw_jpeg, encode

DOCUMENTS = b"".join(encode(number, [draw_jpeg(seed=number)], RED) for number in range(4))


def zipped(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("train.bson", data)
    return file.getvalue()


def tarred(data, kind):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
        member = tarfile.TarInfo("train.bson")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def old_tar(data):
    """Return a tar archive of before 1988: no magic, only the header's checksum."""
    header = bytearray(tarred(data, tarfile.USTAR_FORMAT))
    header[257:500] = bytes(243)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


def parquet():
    file = io.BytesIO()
    pq.write_table(pa.table({"_id": [1, 2]}), file)
    return file.getvalue()


def arrow_stream():
    file = io.BytesIO()
    with pa.ipc.new_stream(file, pa.schema([("_id", pa.int64())])) as writer:
        writer.write_batch(pa.record_batch({"_id": [1]}))
    return file.getvalue()


KINDS = [
    (gzip.compress(DOCUMENTS), "a gzip file, .*gunzip -c train"),
    (zipped(DOCUMENTS), "a zip archive, .*unzip -p train"),
    (zipped(b"")[-22:], "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(60), "a 7z archive, .*7z x -so train"),
    (lzma.compress(DOCUMENTS), "an xz file, .*xz -dc"),
    (lzma.compress(DOCUMENTS, lzma.FORMAT_ALONE), "an lzma file"),
    (bz2.compress(DOCUMENTS), "a bzip2 file, .*bunzip2"),
    (b"\x28\xb5\x2f\xfd\x04\x00" + bytes(60), "a zstd file, .*zstd -dc"),
    (pa.compress(DOCUMENTS, "lz4", asbytes=True), "an lz4 file"),
    (b"Rar!\x1a\x07\x01\x00" + bytes(60), "a rar archive, .*unrar p"),
    *((tarred(DOCUMENTS, kind), "a tar archive, .*tar -xOf") for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT)),
    (old_tar(DOCUMENTS), "a tar archive"),
    (b"\x6d\xe2\x99\x81" + bson.encode({"concurrent_collections": 4}), "mongodump --archive.*without --archive"),
    (parquet(), "a Parquet file"),
    (arrow_stream(), "an Arrow file"),
    (b"SQLite format 3\x00" + bytes(84), "a data file of a different format"),
    (draw_jpeg(), "a picture"),
    (json.dumps({"_id": 1, "imgs": []}).encode(), "JSON, .*mongodump rather than mongoexport"),
    (b"\xef\xbb\xbf[\n  {\n", "JSON"),
    (b'{"error": "not found"}', "JSON"),
    (b"<!DOCTYPE html><html><title>Sign in</title>", "an HTML or XML page, .*fetch the catalogue itself"),
    (b"\r\n<html lang=fr>", "an HTML or XML page"),
    (b"404: Not Found", "the answer to a failed download, .*fetch the catalogue itself"),
    (b"Access denied\n", "the answer to a failed download"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS, .*git lfs pull"),
    (b"/annex/objects/SHA256E-s58--4d7a.bson\n", "git-annex, .*git annex get"),
    (b"category_id,name\n5,Ch\xc3\xa2teau\n" * 40, "text"),
    ("identifiant;prix\n".encode("utf-16"), "text"),
]


@pytest.mark.parametrize(("data", "words"), KINDS)
def test_what_is_no_catalogue_is_named_with_the_way_out(tmp_path, data, words):
    path = tmp_path / "train.bson"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"train\.bson: is .*{words}"):
        plan_ranges(path, tmp_path / "work")


@pytest.mark.parametrize("data", [DOCUMENTS, DOCUMENTS[:100], bytes(3000), b"", b"\x05\x00\x00\x00\x00" * 9])
def test_what_may_be_a_catalogue_is_left_to_the_scan(tmp_path, data):
    (tmp_path / "train.bson").write_bytes(data)
    assert reason_no_catalogue(tmp_path / "train.bson") is None


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08\x00", b"\x7b\x20\x20\x00", b"\x1f\x9d\x90\x00"])
def test_a_document_whose_length_reads_like_another_format_is_a_document(tmp_path, magic):
    (length,) = struct.unpack("<i", magic)
    rest = length - len(encode(1, [b""], RED))
    (tmp_path / "train.bson").write_bytes(encode(1, [bytes(rest)], RED) + DOCUMENTS)
    assert (tmp_path / "train.bson").read_bytes().startswith(magic)
    assert reason_no_catalogue(tmp_path / "train.bson") is None


PACKED = {
    "gunzip": gzip.compress(DOCUMENTS),
    "xz": lzma.compress(DOCUMENTS),
    "xz --format=lzma": lzma.compress(DOCUMENTS, lzma.FORMAT_ALONE),
    "bunzip2": bz2.compress(DOCUMENTS),
    "zstd": pa.compress(DOCUMENTS, "zstd", asbytes=True),
    "tar": tarred(DOCUMENTS, tarfile.GNU_FORMAT),
    "unzip": zipped(DOCUMENTS),
}


@pytest.mark.parametrize("name", ["train.bson", "my train (1).bson", "-x:y.gz", "unpacked.bson"])
@pytest.mark.parametrize("command", PACKED)
def test_the_advice_to_unpack_works_whatever_the_file_is_called(tmp_path, command, name):
    path = tmp_path / name
    path.write_bytes(PACKED[command])
    advice = re.search("`(.*)` unpacks it; set CDISCOUNT_CATALOGUE to", reason_no_catalogue(path))[1]
    assert advice.startswith(command)
    if shutil.which(command.split()[0]) is None:
        return  # a machine without this program: its advice is read above, and the others' are run
    subprocess.run(["bash", "-c", advice], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    (unpacked,) = (other for other in tmp_path.iterdir() if other != path)
    assert unpacked.read_bytes() == DOCUMENTS
    assert path.read_bytes() == PACKED[command]


def test_a_pointer_is_said_once_to_be_no_catalogue(tmp_path):
    path = tmp_path / "train.bson"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    assert "is a pointer of Git LFS, not a catalogue; `git lfs pull` fetches" in reason_no_catalogue(path)
