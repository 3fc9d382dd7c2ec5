"""The pictures of a question are served to those who may read the sample's reports, and nothing else is."""

import pytest

from cdiscount_tasks.runs.folders import run_folder
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, PREFIX, SECRET

RUN = run_folder(FINISHED)
PICTURE = b"\xff\xd8 a small picture"


@pytest.fixture
def runs_dir(reports_dir, tmp_path, monkeypatch):
    """Return the folder of the runs of mixed_bag; one has a question."""
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(tmp_path / "train.bson"))
    folder = tmp_path / "data" / "samples" / "mixed_bag" / "runs"
    (folder / RUN / "question").mkdir(parents=True)
    (folder / RUN / "question" / "7.jpg").write_bytes(PICTURE)
    (folder / RUN / "question" / "-7.jpg").write_bytes(PICTURE)
    (folder / RUN / "config.json").write_text(SECRET)
    (folder / RUN / "question" / "7.txt").write_text(SECRET)
    (folder / RUN / "question" / "8.jpg").symlink_to(tmp_path / "secret.txt")
    return folder


def address(name, run=RUN, sample="mixed_bag"):
    return f"{PREFIX}/questions/{sample}/{run}/{name}"


@pytest.mark.parametrize("name", ["7.jpg", "-7.jpg"])
def test_a_picture_is_served_as_one_and_asked_for_each_time(client, runs_dir, name):
    answer = client().get(address(name))
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_may_not_read_the_sample_s_reports_may_not_see_its_questions(client, no_mixed_bag, runs_dir):
    assert client("viewer").get(address("7.jpg")).status_code == 403
    assert client("viewer").get(address("6.jpg")).status_code == 403
    assert client("admin").get(address("7.jpg")).status_code == 200


def test_who_is_not_signed_in_sees_none(client, runs_dir):
    assert client(None).get(address("7.jpg")).status_code == 401


@pytest.mark.parametrize(("name", "run", "sample"), [
    ("9.jpg", RUN, "mixed_bag"), ("8.jpg", RUN, "mixed_bag"), ("7.txt", RUN, "mixed_bag"),
    ("config.json", RUN, "mixed_bag"), ("..%2fconfig.json", RUN, "mixed_bag"), ("7.jpg", "..", "mixed_bag"),
    ("7.jpg", "other", "mixed_bag"), ("7.jpg", RUN, "wine"), ("7.jpg", RUN, "Mixed%20Bag"), ("7.jpg", RUN, "..%2f.."),
    ("7.jpg", RUN, "sample_comparison"), ("7" * 300 + ".jpg", RUN, "mixed_bag"), ("7.jpg%0a", RUN, "mixed_bag"),
])  # fmt: skip
def test_nothing_else_is_served(client, runs_dir, name, run, sample):
    answer = client("admin").get(address(name, run, sample))
    assert answer.status_code in (403, 404)
    assert SECRET not in answer.text
