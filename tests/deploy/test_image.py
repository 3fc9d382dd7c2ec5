"""The images of the Dockerfile, built for real and run as two users: `make image-test` (root, Debian, 12 GB)."""

import json
import logging
import os
import re
import time
from pathlib import Path

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR
from demo.catalogue import draw_catalogue
from tests.material import image_building

pytestmark = pytest.mark.image

logger = logging.getLogger(__name__)

OPENSHIFT = "1000770000:0"
"""An id that no file of the image knows, in group 0."""

COMMIT = "0123456789ab"
BUILD_TOOLS = ("gcc", "cc", "g++", "make", "pip", "pip3", "cmake", "ld")
DATA = "/opt/cdiscount/data"


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """Return a builder that has a base; everything that it makes is removed at the end."""
    if reason := image_building.missing():
        pytest.skip(reason)
    made = image_building.Builder(tmp_path_factory.mktemp("image"))
    release = re.search(r"(?m)^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text())[1]
    try:
        made.make_base(release, os.environ.get("IMAGE_TEST_BASE"))
        yield made
    finally:
        made.remove()


def built(builder, name, locks):
    started = time.monotonic()
    builder.build(name, LOCKS=locks, COMMIT=COMMIT)
    facts = json.loads(builder.run("inspect", "--type=image", f"localhost/{name}").stdout)
    size = next(
        each
        for each in json.loads(builder.run("images", "--json").stdout)
        if f"localhost/{name}:latest" in each["names"]
    )
    logger.info("image %s: %s, built in %.0f s", name, size["size"], time.monotonic() - started)
    return builder.start(name), facts["OCIv1"]["config"]


@pytest.fixture(scope="module")
def fleet(builder):
    """Return a container of a worker's image, and the image's config."""
    return built(builder, "fleet", "requirements.txt requirements-fleet.txt")


@pytest.fixture(scope="module")
def api(builder):
    """Return a container of the API server's image, and the image's config."""
    return built(builder, "api", "requirements-control.txt")


def test_it_says_what_it_is(fleet):
    _, config = fleet
    assert config["User"] == "50000:0"
    assert config["Cmd"] == ["python", "-m", "tools.deploy.about"]
    assert config["Labels"]["org.opencontainers.image.revision"] == COMMIT
    assert f"CDISCOUNT_COMMIT={COMMIT}" in config["Env"]
    names = [each.partition("=")[0] for each in config["Env"]]
    assert not [name for name in names if name.startswith("PIP_") or name.lower().endswith("_proxy")]


@pytest.mark.parametrize("user", ["50000:0", OPENSHIFT])
def test_its_default_command_can_write_what_a_run_writes(builder, fleet, user):
    container, config = fleet
    answer = builder.run_inside(container, *config["Cmd"], user=user)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"user {user.split(':')[0]}, group 0: can write" in answer.stdout
    assert "keras" in answer.stdout and "apache-airflow-providers-celery" in answer.stdout


@pytest.mark.parametrize("user", ["50000:0", OPENSHIFT])
def test_its_user_cannot_change_the_program(builder, fleet, user):
    container, _ = fleet
    script = "touch dags/x 2>/dev/null || touch .venv/x 2>/dev/null || touch cdiscount_tasks/x 2>/dev/null || echo kept"
    assert builder.run_inside(container, "sh", "-c", script, user=user).stdout.strip() == "kept"


def test_no_build_tools_and_no_pip_are_left(builder, fleet):
    container, _ = fleet
    script = f"for each in {' '.join(BUILD_TOOLS)}; do command -v $each; done; python -c 'import pip'"
    answer = builder.run_inside(container, "sh", "-c", script)
    assert answer.stdout == "" and "No module named 'pip'" in answer.stderr


def test_it_holds_the_packages_of_its_locks_and_no_others(builder, fleet):
    container, _ = fleet
    script = "from importlib.metadata import distributions as d; print(*sorted(f'{x.name}=={x.version}' for x in d()))"
    found = {plain(each) for each in builder.run_inside(container, "python", "-c", script).stdout.split()}
    version = builder.run_inside(container, "python", "-c", "import platform as p; print(p.python_version())").stdout
    wanted = set()
    for lock in ("requirements.txt", "requirements-fleet.txt"):
        wanted |= pinned(PROJECT_DIR / lock, version.strip())
    assert found == wanted


def plain(requirement):
    name, _, version = requirement.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def pinned(path, python):
    """Return the packages of a lock for one Python on this kind of machine."""
    from packaging.requirements import Requirement

    lines = [line.rstrip(" \\") for line in path.read_text("utf-8").splitlines() if line[:1].isalpha()]
    each = [Requirement(line) for line in lines]
    environment = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python}
    here = [one for one in each if one.marker is None or one.marker.evaluate(environment)]
    return {plain(f"{one.name}{one.specifier}") for one in here}


@pytest.mark.parametrize("user", ["50000:0", OPENSHIFT])
def test_a_run_succeeds_inside(builder, fleet, tmp_path_factory, user):
    """One whole DAG run, training and report included, on a small drawn catalogue."""
    container, _ = fleet
    # As in a new container: what the user before this one has left in it would not be this one's.
    fresh = "find airflow home -mindepth 1 ! -path airflow/logs -delete"
    assert builder.run_inside(container, "sh", "-c", fresh, user="0:0").returncode == 0
    data = tmp_path_factory.mktemp("data")
    draw_catalogue(data / "input", num_products=400)
    for path in (data, data / "input"):
        os.chown(path, 0, 0)
        path.chmod(0o775)
    environ = {"SAMPLE": "wine", "PRESET": "smoke", "CONF": '{"epochs": 1}'}
    environ["CDISCOUNT_CATALOGUE"] = f"{DATA}/input/catalogue.bson"
    environ["CDISCOUNT_CATEGORY_NAMES"] = f"{DATA}/input/category_names.csv"
    environ["CDISCOUNT_REPORTS"] = f"{DATA}/reports"
    started = time.monotonic()
    answer = builder.run_inside(
        container, "python", "-m", "tools.run", user=user, volumes=(f"{data}:{DATA}",), **environ
    )
    assert answer.returncode == 0, (answer.stdout + answer.stderr)[-3000:]
    logger.info("a run inside as %s: %.0f s", user, time.monotonic() - started)
    (report,) = data.glob("reports/wine/*/report.html")
    owner = report.stat()
    assert (owner.st_uid, owner.st_gid) == (int(user.split(":")[0]), 0)
    assert COMMIT in (report.parent / "metrics.json").read_text("utf-8") + report.read_text("utf-8")


def test_the_api_server_is_an_image_without_networks(builder, api):
    container, config = api
    script = (
        "import airflow.providers.fab, psycopg2, asyncpg; import importlib.util as u; print(u.find_spec('tensorflow'))"
    )
    answer = builder.run_inside(container, "python", "-c", script)
    assert answer.stdout.strip().endswith("None"), answer.stderr
    assert builder.run_inside(container, *config["Cmd"], user=OPENSHIFT).returncode == 0


def test_the_api_server_makes_its_database_and_a_user(builder, api):
    """With FAB's tables, as init of deploy/compose does; in SQLite, and with a password of this test."""
    container, _ = api
    manager = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    user = "--role Admin --username admin --password x-only-here --firstname F --lastname A --email a@b.example"
    script = f"airflow db migrate && airflow pools import pools.json && airflow users create {user}"
    answer = builder.run_inside(container, "bash", "-euc", script, user=OPENSHIFT, AIRFLOW__CORE__AUTH_MANAGER=manager)
    assert answer.returncode == 0, (answer.stdout + answer.stderr)[-3000:]
    assert "Added user admin" in answer.stdout + answer.stderr or 'User "admin" created' in answer.stdout
