"""A real MLflow server, in an environment of its own, and the mirror's whole way to it."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cdiscount_tasks.runs import mirror, promotion, registry, replay
from cdiscount_tasks.runs.decisions import last_promotion
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages.replay import Replayed
from tests.material.registry_models import environment_in, judged_as, make_candidate

pytestmark = pytest.mark.mlflow

SERVER_PYTHON = PROJECT_DIR / ".venv-mlflow-server" / "bin" / "python"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Server:
    """An MLflow server on the loopback, which can be stopped and started again on the same files."""

    def __init__(self, folder, port):
        self.folder, self.port, self.process = folder, port, None
        self.url = f"http://127.0.0.1:{port}"

    def start(self):
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))}
        # Without job execution it starts none of the seven consumers, which outlive their server.
        environ |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        command = [SERVER_PYTHON, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + 120
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        pytest.fail(f"MLflow's server does not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    def stop(self):
        """End the server and all that it had started, each by its number."""
        mine = psutil.Process(self.process.pid)
        every = [mine, *mine.children(recursive=True)]
        for each in every:
            each.terminate()
        _, alive = psutil.wait_procs(every, timeout=20)
        for each in alive:
            each.kill()
        psutil.wait_procs(alive, timeout=20)
        self.process.wait(20)

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}/api/2.0/mlflow/{path}", timeout=30) as answer:
            return json.loads(answer.read())

    def versions(self):
        """Return what each version of wine says: its number, tags, run."""
        found = self.get("model-versions/search?filter=name%3D%27cdiscount_wine%27").get("model_versions", [])
        return sorted(found, key=lambda each: int(each["version"]))

    def send(self, method, path, **body):
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def num_runs(self):
        experiment = self.get("experiments/get-by-name?experiment_name=cdiscount_wine")["experiment"]
        return len(self.send("POST", "runs/search", experiment_ids=[experiment["experiment_id"]])["runs"])

    def aliases(self):
        model = self.get("registered-models/get?name=cdiscount_wine")["registered_model"]
        return {each["alias"]: each["version"] for each in model.get("aliases", [])}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    for path, target in ((SERVER_PYTHON, "mlflow-server"), (mirror.PYTHON, "mlflow")):
        if not path.exists():
            pytest.skip(f"{path} is absent: `make {target}` makes it")
    made = Server(tmp_path_factory.mktemp("mlflow"), free_port())
    made.start()
    yield made
    made.stop()


class Registry:
    """A registry of wine beside a server."""

    def __init__(self, root, url):
        self.environment = replace(environment_in(root), mlflow_url=url)

    def decide(self, run_id, promoted=True, **facts):
        now = last_promotion(registry.history("wine", self.environment))
        candidate = make_candidate(self.environment, run_id)
        judged = judged_as("better" if promoted else "no_evidence", reasons=("p = 0.01 < 0.03",), **facts)
        do = promotion.promote if promoted else promotion.decline
        do(
            candidate, judged, expected=now.number if now else None, who="ann", answer="yes",
            reason="läßt sich\nsehen", environment=self.environment,
        )  # fmt: skip
        return candidate

    def mirror(self):
        return mirror.mirror("wine", self.environment)


@pytest.fixture(scope="module")
def story(server, tmp_path_factory):
    """The story that the tests below tell in their order: a registry, and the server that mirrors it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
        yield Registry(tmp_path_factory.mktemp("registry"), server.url)


def test_a_promotion_and_a_decline_are_versions_with_aliases_tags_figures_and_files(story, server):
    first = story.decide("one")
    assert story.mirror()
    assert server.aliases() == {"champion": "1"}
    story.decide("two", promoted=False, look=2)
    assert story.mirror()
    assert server.aliases() == {"champion": "1", "challenger": "2"}
    one, two = server.versions()
    tags = {tag["key"]: tag["value"] for tag in one["tags"]}
    at = registry.history("wine", story.environment)[0].at
    assert tags == {
        "cdiscount_decision": f"1 of {at}", "decision": "1", "outcome": "promoted", "verdict": "better",
        "difference": "0.021", "low": "0.004", "high": "0.038", "look": "1", "report": "wine/one", "who": "ann",
        "answer": "yes", "reason": "läßt sich\nsehen", "model": first.model,
    }  # fmt: skip
    assert one["description"] == "better: promoted. p = 0.01 < 0.03"
    assert {"key": "verdict", "value": "no_evidence"} in two["tags"]
    assert {"key": "look", "value": "2"} in two["tags"]
    run = server.get(f"runs/get?run_id={one['run_id']}")["run"]
    assert (run["info"]["run_name"], run["info"]["status"]) == ("one", "FINISHED")
    assert [(each["key"], each["value"]) for each in run["data"]["metrics"]] == [("accuracy", 0.75)]
    assert [(each["key"], each["value"]) for each in run["data"]["params"]] == [("preset", "smoke")]
    assert one["source"] == f"{run['info']['artifact_uri']}/model"


def test_the_models_files_can_be_fetched_by_the_alias(story, server):
    """As a user would: with MLflow's own client, which knows the server and the alias alone."""
    code = "import mlflow, sys; print(mlflow.artifacts.download_artifacts('models:/cdiscount_wine@champion'))"
    environ = {**os.environ, "MLFLOW_TRACKING_URI": server.url, "MLFLOW_DISABLE_TELEMETRY": "true"}
    fetched = subprocess.check_output([mirror.PYTHON, "-c", code], env=environ, text=True, stderr=subprocess.DEVNULL)
    folder, own = Path(fetched.splitlines()[-1]), registry.champion("wine", story.environment).path
    assert {path.name for path in own.iterdir()} <= {path.name for path in folder.iterdir()}
    assert (folder / "model.keras").read_bytes() == (own / "model.keras").read_bytes()


def test_the_same_decisions_again_make_no_version_and_no_run(story, server):
    before = server.versions(), server.num_runs()
    for _ in range(2):
        assert story.mirror()
    assert (server.versions(), server.num_runs()) == before
    assert server.num_runs() == 2
    assert server.aliases() == {"champion": "1", "challenger": "2"}


def test_a_run_that_was_cut_off_before_its_version_is_continued(story, server):
    """The version is removed, as if the process had been killed before it was made."""
    story.decide("three")
    assert story.mirror()
    cut = server.versions()[-1]
    server.send("DELETE", "model-versions/delete", name="cdiscount_wine", version=cut["version"])
    assert story.mirror()
    again = server.versions()[-1]
    assert again["run_id"] == cut["run_id"]
    assert server.aliases() == {"champion": again["version"]}


def test_a_roll_back_moves_the_alias_back(story, server):
    num = len(server.versions())
    promotion.roll_back("wine", 1, who="ann", reason="too slow", environment=story.environment)
    assert story.mirror()
    assert server.aliases() == {"champion": "1", "challenger": server.versions()[-1]["version"]}
    assert len(server.versions()) == num


def test_what_was_decided_while_the_server_was_down_is_made_up_for(story, server, caplog):
    server.stop()
    try:
        story.decide("four", promoted=False, look=3)
        started = time.monotonic()
        assert not story.mirror()
        took_s = time.monotonic() - started
        [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert f"{server.url} does not show the newest decision about wine (" in warning
        assert "(ConnectionRefusedError: [Errno 111] Connection refused)" in warning
        assert took_s < mirror.TIME_LIMIT_S / 2
        story.decide("five", promoted=False, look=4)
    finally:
        server.start()
    assert story.mirror()
    outcomes = [tag["value"] for each in server.versions() for tag in each["tags"] if tag["key"] == "report"]
    assert outcomes == [f"wine/{run}" for run in ("one", "two", "three", "four", "five")]
    assert server.aliases() == {"champion": "1", "challenger": server.versions()[-1]["version"]}


def test_a_server_of_another_kind_is_a_warning(story, server, caplog):
    wrong = replace(story.environment, mlflow_url=f"{server.url}/not/here")
    assert not mirror.mirror("wine", wrong)
    assert "does not show the newest decision about wine (MlflowException: " in caplog.text
