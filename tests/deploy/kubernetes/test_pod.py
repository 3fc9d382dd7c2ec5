"""The pod that Airflow's executor makes of gpu-pod.yaml, by its own code, held against Kubernetes' schemas."""

import json
import os
import subprocess

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR

pytestmark = pytest.mark.deploy

PYTHON = PROJECT_DIR / ".venv-control" / "bin" / "python"
VALIDATE = PROJECT_DIR / ".venv-deploy" / "bin" / "kubernetes-validate"
COMMAND = ["python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string", "{}"]
MAKE_POD = """
import json, sys
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

template, command = sys.argv[1], json.loads(sys.argv[2])
pod = PodGenerator.construct_pod(
    dag_id="cdiscount_wine", task_id="train_model", run_id="manual__1", try_number=1, date=None, args=command,
    pod_id="cdiscount-wine-train-model-1", kube_image="registry.example.org/cdiscount:1", pod_override_object=None,
    base_worker_pod=PodGenerator.deserialize_model_file(template), scheduler_job_id="1", namespace="airflow",
    with_mutation_hook=False,
)
print(json.dumps(PodGenerator.serialize_pod(pod)))
"""


def test_the_executor_makes_a_pod_with_a_gpu_of_the_template(tmp_path):
    if not (PYTHON.exists() and VALIDATE.exists()):
        pytest.skip("`.venv-control` or `.venv-deploy` is absent: `make deploy-test` makes them")
    template = PROJECT_DIR / "deploy" / "kubernetes" / "gpu-pod.yaml"
    environ = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path)}
    arguments = [PYTHON, "-c", MAKE_POD, template, json.dumps(COMMAND)]
    answer = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=True)
    text = answer.stdout.splitlines()[-1]
    (tmp_path / "pod.json").write_text(text)
    checked = subprocess.run([VALIDATE, "--strict", tmp_path / "pod.json"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (base,) = json.loads(text)["spec"]["containers"]
    assert base["args"] == COMMAND
    assert base["resources"]["limits"]["nvidia.com/gpu"] in (1, "1")
    assert json.loads(text)["metadata"]["annotations"]["task_id"] == "train_model"
