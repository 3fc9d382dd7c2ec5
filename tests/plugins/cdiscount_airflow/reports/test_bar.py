import re
import zipfile
from io import BytesIO
from urllib.parse import quote, urljoin

import pytest

from cdiscount_tasks.runs.folders import run_folder
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, PREFIX, SECRET, WINE


def bar_above(client, path, **headers):
    """Return what stands above a report, from the marker that it is put behind."""
    return client().get(path, headers=headers).text.partition("</nav>")[0]


def test_a_report_begins_with_its_address_and_the_way_back(client):
    bar = bar_above(client, f"{WINE}/report.html")

    tab = f"dags/cdiscount_wine/runs/{quote(FINISHED, safe='')}/plugin/evaluation-report"
    assert f'href="../../../../{tab}">http://testserver/{tab}</a>' in bar
    assert '<a href="../../../dags/cdiscount_wine/">' in bar


def test_a_page_that_is_of_no_run_has_the_address_of_its_place_in_the_navigation(client):
    path = f"{PREFIX}/files/catalogue/0123abcd/catalogue.html"

    assert f">http://testserver/plugin/evaluation-reports{path}</a>" in bar_above(client, path)


def test_all_that_a_report_holds_can_be_saved_from_its_bar(client, model_dir):
    bar = bar_above(client, f"{WINE}/report.html")
    links = re.findall(r'<li><a href="([^"]+)"', bar)
    answers = [client().get(urljoin(f"{WINE}/report.html", link)) for link in links]

    names = ["metrics.json", "predictions.parquet", "report.html?download=1", "model.keras"]
    assert [link.rpartition("/")[2] for link in links] == [*names, f"{run_folder(FINISHED)}.zip"]
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.headers["content-disposition"].startswith("attachment") for answer in answers)


def test_the_zip_holds_every_file_that_the_manifest_names_and_no_other(client, reports_dir):
    (reports_dir / "wine" / run_folder(FINISHED) / "stray.txt").write_text(SECRET)
    answer = client().get(f"{PREFIX}/zips/wine/{run_folder(FINISHED)}.zip")

    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = {name.partition("/")[2] for name in archive.namelist()}
    assert names == {"metrics.json", "predictions.parquet", "report.html"}


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/zips/wine/nothing.zip",
        f"{PREFIX}/models/wine/model-0000000000000000/model.keras",
        f"{PREFIX}/models/wine/runs/config.json",
        f"{PREFIX}/models/wine/model-a/secret.txt",
        f"{PREFIX}/models/wine/..%2Fwine/model.keras",
    ],
)
def test_nothing_else_can_be_saved(client, model_dir, path):
    (model_dir / "secret.txt").write_text(SECRET)
    (model_dir.parent / "runs").mkdir()
    (model_dir.parent / "runs" / "config.json").write_text(SECRET)

    assert client("admin").get(path).status_code == 404
