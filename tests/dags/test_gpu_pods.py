"""The policy of deploy/kubernetes/values.yaml on the project's own DAGs."""

import yaml

GPU_POD = {"pod_template_file": "/opt/cdiscount/pods/gpu-pod.yaml"}


def test_tasks_of_the_pool_gpu_and_no_others_get_the_gpu_pod(read_dags, project_dir):
    values = yaml.safe_load((project_dir / "deploy" / "kubernetes" / "values.yaml").read_text("utf-8"))
    names = {}
    exec(values["airflowLocalSettings"], names)
    dags, errors = read_dags()
    assert errors == {}
    tasks = [task for dag in dags.values() for task in dag.tasks]
    for task in tasks:
        names["task_policy"](task)
    assert {task.pool == "gpu" for task in tasks if task.executor_config == GPU_POD} == {True}
    assert all(task.executor_config == GPU_POD for task in tasks if task.pool == "gpu")
    assert {"train_model", "answer_range"} <= {task.task_id for task in tasks if task.executor_config}
