"""What deploy/compose/docker-compose.yaml promises, read from the file itself: no other program is needed."""

import re
from importlib.resources import files

import pytest
import yaml

from cdiscount_tasks.settings.environment import PROJECT_DIR, read_environment
from tools.deploy import environment_file, sbom

PATH = PROJECT_DIR / "deploy" / "compose" / "docker-compose.yaml"
TEXT = PATH.read_text("utf-8")
SERVICES = yaml.safe_load(TEXT)["services"]
OTHERS = ("postgres", "redis")
AIRFLOW = sorted(SERVICES.keys() - OTHERS)
LASTING = sorted(SERVICES.keys() - {"init"})
WORKERS = ["worker", "worker-gpu"]
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}")
OF_CELERY = {
    "CELERY": {"BROKER_URL", "RESULT_BACKEND", "WORKER_CONCURRENCY", "EXTRA_CELERY_CONFIG", "TASK_PUBLISH_MAX_RETRIES"},
    "CELERY_BROKER_TRANSPORT_OPTIONS": {"VISIBILITY_TIMEOUT"},
}


def variables():
    """Return each variable that the file reads, and how it says what happens without it."""
    return [(found[1], found[2], found[3]) for found in VARIABLE.finditer(TEXT)]


def filled(value, settings):
    """Return a value as compose fills in the variables of an env file."""
    return VARIABLE.sub(lambda found: settings.get(found[1]) or (found[3] if found[2] == ":-" else ""), str(value))


@pytest.fixture
def settings(tmp_path):
    """Return what `make env` writes for a machine with two GPUs."""
    (tmp_path / "train.bson").touch()
    return environment_file.wanted_settings({}, {"INPUT": str(tmp_path), "GPUS": "2"})


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def test_every_part_of_airflow_is_there():
    parts = {"init", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker-gpu"}
    assert set(SERVICES) == {*parts, *OTHERS}


@pytest.mark.parametrize("name", environment_file.SECRETS)
def test_no_secret_has_a_default(name):
    ways = {way for variable, way, _ in variables() if variable == name}
    assert ways == {":?"}


def test_no_password_is_written_in_the_file():
    for found in re.finditer(r"://([^@\s/]*)@", TEXT):
        user, _, password = found[1].partition(":")
        assert user in ("airflow", "") and VARIABLE.fullmatch(password), found[0]
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|FERNET|AUTH$", name):
                assert VARIABLE.fullmatch(value), name


def test_what_has_no_default_says_what_to_do():
    for name, way, words in variables():
        assert way in (":-", ":?"), name
        assert way == ":-" or re.search(r"is missing; `make env.*` writes", words), name


def test_make_env_writes_all_that_the_file_asks_for(settings):
    asked = {name for name, way, _ in variables() if way == ":?"}
    assert asked <= settings.keys()
    assert all(settings[name] for name in asked)
    read = {name for name, _, _ in variables()}
    assert settings.keys() - read == {"COMPOSE_PROFILES"}  # compose's own


def test_the_readme_lists_what_the_env_file_takes(settings):
    text = (PROJECT_DIR / "deploy" / "README.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", text, re.MULTILINE))
    defaults = {name: f"`{default}`" if default else "none" for name, _, default in variables()}
    wanted = {name: "`make env`" if name in settings else default for name, default in defaults.items()}
    wanted = {**wanted, "COMPOSE_PROFILES": "`make env`"}  # compose's own
    assert listed == {name: default for name, default in wanted.items() if name not in environment_file.SECRETS}


@pytest.mark.parametrize("name", [*AIRFLOW, *OTHERS])
def test_ports_are_on_loopback_and_only_of_the_ui(name):
    ports = SERVICES[name].get("ports", [])
    assert len(ports) == (name == "api-server")
    assert all(port.startswith("127.0.0.1:") and port.endswith(":8080") for port in ports)
    assert "network_mode" not in SERVICES[name]


@pytest.mark.parametrize("name", AIRFLOW)
def test_settings_are_the_same_in_every_service(name):
    own = {"ADMIN_PASSWORD", "AIRFLOW__CORE__AUTH_MANAGER", "DUMB_INIT_SETSID"}
    one, other = (
        {key: value for key, value in SERVICES[service]["environment"].items() if key not in own}
        for service in (name, "worker")
    )
    assert one == other


@pytest.mark.parametrize("name", AIRFLOW)
def test_sign_in_is_with_fab_where_its_packages_are(name):
    service = SERVICES[name]
    has_fab = "FabAuthManager" in service["environment"].get("AIRFLOW__CORE__AUTH_MANAGER", "")
    assert has_fab == ("CONTROL_IMAGE" in service["image"]) == (name not in WORKERS)
    assert "apache-airflow-providers-fab" in (PROJECT_DIR / "requirements-control.txt").read_text("utf-8")
    assert SERVICES["api-server"]["build"]["args"]["LOCKS"] == "requirements-control.txt"


def pinned(lock):
    """Return the version of each package of a lock, for every Python."""
    lines = (PROJECT_DIR / lock).read_text("utf-8").splitlines()
    found = {}
    for name, version in (line.split(" ")[0].split("==") for line in lines if line[:1].isalpha()):
        found.setdefault(name, set()).add(version)
    return found


def test_all_services_have_the_same_versions_but_for_what_fab_refuses():
    control = pinned("requirements-control.txt")
    for lock in ("requirements.txt", "requirements-fleet.txt"):
        of_workers = pinned(lock)
        common = of_workers.keys() & control.keys()
        assert {name for name in common if of_workers[name] != control[name]} <= {"python-dateutil"}


@pytest.mark.parametrize("image", sbom.LOCKS)
def test_locks_of_one_image_agree(image):
    """Or pip refuses to install them together."""
    found = {}
    for lock in sbom.LOCKS[image]:
        for name, versions in pinned(lock).items():
            assert found.setdefault(name, versions) == versions, (lock, name)


@pytest.mark.parametrize("gpus", ["0", "2"])
def test_images_are_built_from_the_locks_that_are_listed(gpus):
    locks = tuple(environment_file.settings_of_gpus(gpus)["LOCKS"].split())
    assert locks == sbom.LOCKS["cdiscount-gpu" if gpus != "0" else "cdiscount"]
    assert SERVICES["api-server"]["build"]["args"]["LOCKS"].split() == list(sbom.LOCKS["cdiscount-control"])


def test_drivers_are_named():
    settings = SERVICES["scheduler"]["environment"]
    assert settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://")
    assert settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"].startswith("postgresql+asyncpg://")
    assert settings["AIRFLOW__CELERY__RESULT_BACKEND"].startswith("db+postgresql+psycopg2://")
    assert settings["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_a_killed_worker_is_noticed_within_three_minutes():
    settings = SERVICES["scheduler"]["environment"]
    assert settings["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"] == "120"
    assert settings["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "${WORKER_CONCURRENCY:-2}"


@pytest.mark.parametrize("name", WORKERS)
def test_a_stopped_worker_ends_its_tasks_first(name):
    service = SERVICES[name]
    assert service["environment"]["DUMB_INIT_SETSID"] == "0"
    assert seconds(service["stop_grace_period"]) >= 300
    assert service["stop_signal"] == "SIGTERM"
    assert service["shm_size"] == "1gb"


@pytest.mark.parametrize("name", LASTING)
def test_each_service_is_started_again_and_watched(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert seconds(check["timeout"]) < seconds(check["interval"])


@pytest.mark.parametrize("name", AIRFLOW)
def test_a_container_has_no_rights_that_it_does_not_need(name):
    service = SERVICES[name]
    assert service["user"] == "${CONTAINER_UID:-50000}:0"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service and "docker.sock" not in str(service)


def test_queues_have_their_workers(settings):
    assert SERVICES["worker"]["command"][-2:] == ["--queues", "default"]
    gpu = SERVICES["worker-gpu"]
    command = [filled(word, settings) for word in gpu["command"]]
    assert command[3:] == ["--queues", settings["CDISCOUNT_GPU_QUEUE"], "--concurrency", "2"]
    assert gpu["profiles"] == [settings["COMPOSE_PROFILES"]]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert filled(device["count"], settings) == "2"


def test_init_makes_the_database_the_pools_and_the_user():
    script = SERVICES["init"]["command"][-1]
    for words in ("airflow db migrate", "airflow pools import pools.json", "airflow pools set gpu", "users create"):
        assert words in script
    assert '--password="$$ADMIN_PASSWORD"' in script  # apart from it, one that begins with - would be an option
    assert SERVICES["init"]["restart"] == "no"
    for name in set(AIRFLOW) - {"init"}:
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}


def test_every_setting_is_one_of_airflows():
    config = yaml.safe_load(files("airflow.config_templates").joinpath("config.yml").read_text("utf-8"))
    for name in SERVICES["scheduler"]["environment"]:
        if name.startswith("AIRFLOW__"):
            _, section, option = name.split("__")
            if section in OF_CELERY:  # of a provider that is not in requirements.txt
                assert option in OF_CELERY[section]
            else:
                assert option.lower() in config[section.lower()]["options"], name


def test_every_setting_is_one_of_the_projects(settings):
    environ = {name: filled(value, settings) for name, value in SERVICES["scheduler"]["environment"].items()}
    environment = read_environment(environ)
    assert str(environment.catalogue_path) == "/opt/cdiscount/input/train.bson"
    assert (environment.gpu_slots, environment.gpus, environment.gpu_queue) == (2, 2, "gpu")


@pytest.mark.parametrize("name", AIRFLOW)
def test_what_tasks_and_people_write_is_in_volumes(name):
    volumes = SERVICES[name]["volumes"]
    assert volumes[-2] == "../../include/samples:/opt/cdiscount/include/samples:ro"
    assert volumes[-1].endswith(":/opt/cdiscount/input:ro")
    places = dict(reversed(volume.split(":")) for volume in volumes[:-2])
    assert places["/opt/cdiscount/data"] == "data"
    assert places["/opt/cdiscount/include/reports"] == "reports"
    assert places["/opt/cdiscount/include/label_fixes"] == "label-fixes"
    assert set(places.values()) <= set(yaml.safe_load(TEXT)["volumes"])
