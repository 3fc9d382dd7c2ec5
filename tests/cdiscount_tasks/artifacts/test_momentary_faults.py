"""A file that cannot be read for a moment: nothing is removed, and the same call succeeds a moment later."""

import builtins
import errno
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest, verify_artifact
from cdiscount_tasks.artifacts.notes import noted_results
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine import weights
from cdiscount_tasks.reports.folders import read_report
from cdiscount_tasks.runs.finished import _read_run
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.settings.environment import PROJECT_DIR, read_environment
from cdiscount_tasks.tables.parquet import iter_row_groups, read_rows, read_table, write_table
from cdiscount_tasks.tables.schemas import PRODUCTS

CODES = [errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EACCES, errno.ETIMEDOUT, errno.EINTR, errno.EMFILE, errno.ENFILE]
RECIPE = Recipe("thing", 1, {}, {}, {}, {})


def write_data(part_dir):
    (part_dir / "data.json").write_text("{}")
    return Made({"num_rows": 5})


@pytest.fixture
def standing(tmp_path):
    build_artifact(tmp_path / "thing-1", RECIPE, write_data)
    return tmp_path / "thing-1"


@pytest.fixture(params=CODES, ids=errno.errorcode.get)
def fail(request, monkeypatch):
    """Let the next opening of a file of that name fail once; whatever opens it afterwards succeeds."""

    def arm(name, code=request.param):
        left = [code]
        for module in (io, builtins):
            real = module.open

            def opened(file, *args, real=real, **kwargs):
                if left and str(file).endswith(name):
                    raise OSError(left.pop(), os.strerror(code), str(file))
                return real(file, *args, **kwargs)

            monkeypatch.setattr(module, "open", opened)
        return code

    return arm


def test_an_artifact_that_cannot_be_read_for_a_moment_stays_and_is_found_afterwards(standing, fail):
    code = fail(MANIFEST)
    with pytest.raises(OSError) as caught:
        build_artifact(standing, RECIPE, write_data)
    assert caught.value.errno == code
    assert build_artifact(standing, RECIPE, write_data)["reused"]
    assert list(standing.parent.glob("*damaged*")) == []


def test_a_file_whose_bytes_cannot_be_compared_for_a_moment_is_not_called_damaged(standing, fail):
    code = fail("data.json")
    with pytest.raises(OSError) as caught:
        build_artifact(standing, RECIPE, write_data, every_byte=True)
    assert caught.value.errno == code
    assert verify_artifact(standing) == 1


@pytest.mark.parametrize("code", CODES)
def test_a_size_that_cannot_be_read_for_a_moment_is_no_other_size(standing, monkeypatch, code):
    real = Path.stat

    def stat(path, **options):
        if path.name == "data.json":
            raise OSError(code, os.strerror(code), str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(OSError):
        build_artifact(standing, RECIPE, write_data)
    monkeypatch.undo()
    assert read_manifest(standing)["result"] == {"num_rows": 5}


def test_a_json_file_and_the_notes_of_a_run_that_cannot_be_read_for_a_moment_are_no_bad_data(tmp_path, fail):
    (tmp_path / "artifacts.json").write_text("{}")
    code = fail("artifacts.json")
    with pytest.raises(OSError) as caught:
        read_json(tmp_path / "artifacts.json")
    assert caught.value.errno == code
    fail("artifacts.json")
    with pytest.raises(OSError):
        noted_results(tmp_path)
    assert noted_results(tmp_path) == {}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("in_words", [False, True])
def test_a_table_that_cannot_be_read_for_a_moment_is_not_called_damaged(tmp_path, monkeypatch, code, in_words):
    path = tmp_path / "a.parquet"
    write_table(path, PRODUCTS.empty_table(), PRODUCTS)

    def fail(*_, **__):
        words = f"Error reading bytes from file. Detail: [errno {code}] {os.strerror(code)}"
        raise OSError(words) if in_words else OSError(code, words)

    for name in ("read", "read_row_group", "read_row_groups"):
        monkeypatch.setattr(pq.ParquetFile, name, fail)
    for read in (
        lambda: read_table(path, PRODUCTS),
        lambda: read_rows(path, PRODUCTS, "product_id", [1]),
        lambda: list(iter_row_groups(path, ["product_id"])),
    ):
        with pytest.raises(OSError):
            read()


def test_memory_that_lacks_for_a_table_is_no_damage(tmp_path, monkeypatch):
    write_table(tmp_path / "a.parquet", PRODUCTS.empty_table(), PRODUCTS)

    def fail(*_, **__):
        raise pa.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(pq.ParquetFile, "read", fail)
    with pytest.raises(MemoryError):
        read_table(tmp_path / "a.parquet", PRODUCTS)


def test_a_table_without_a_file_descriptor_left_is_not_called_damaged(tmp_path):
    write_table(tmp_path / "a.parquet", PRODUCTS.empty_table(), PRODUCTS)
    code = """
import os, resource, sys
from pathlib import Path
from cdiscount_tasks.tables.schemas import PRODUCTS
from cdiscount_tasks.tables.parquet import read_table
path = Path(sys.argv[1])
read_table(path, PRODUCTS)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.dup(0))
except OSError:
    pass
try:
    read_table(path, PRODUCTS)
except OSError as error:
    print(error.errno)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.parquet")]
    said = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=PROJECT_DIR, stdin=subprocess.DEVNULL
    )
    assert said.stdout == f"{errno.EMFILE}\n"


def test_a_report_that_cannot_be_read_for_a_moment_is_not_said_to_be_removed(standing, fail):
    (standing / "metrics.json").write_text("{}")
    fail("metrics.json")
    row = read_report(standing.parent, standing, datetime.now(UTC))
    assert "cannot be read for now" in row.reason
    assert "remove" not in row.reason


def test_a_finished_run_that_cannot_be_read_for_a_moment_is_not_left_out(tmp_path, monkeypatch, fail):
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path))
    environment = read_environment()
    run_dir = environment.work_dir / "samples" / "wine" / "runs" / run_folder("r")
    run_dir.mkdir(parents=True)
    (run_dir / "config.json").write_text('{"run_id": "r"}')
    fail("config.json")
    with pytest.raises(OSError):
        _read_run(environment, "wine", run_dir.name)


@pytest.mark.training
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE])
def test_weights_that_cannot_be_kept_for_a_moment_are_tried_again(tmp_path, monkeypatch, code):
    import keras

    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(OSError):
        weights.find_weights("mobilenet_v2", None)


@pytest.mark.parametrize("read", [read_json, lambda path: read_manifest(path.parent)])
def test_a_file_nested_a_million_deep_is_damage(tmp_path, read):
    (tmp_path / MANIFEST).write_text("[" * 1_000_000)
    with pytest.raises(DataError, match=r"manifest\.json"):
        read(tmp_path / MANIFEST)


def test_damaged_notes_of_a_run_are_told(tmp_path):
    (tmp_path / "artifacts.json").write_text(json.dumps({"sample": {}})[:-3])
    with pytest.raises(DataError, match=r"artifacts\.json: is damaged .* trigger a new run"):
        noted_results(tmp_path)
