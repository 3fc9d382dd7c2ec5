import pytest
from cdiscount_airflow.tasks.placing import gpu_place

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import read_environment


def place(**variables):
    return gpu_place(read_environment({f"CDISCOUNT_GPU_{name}": value for name, value in variables.items()}))


@pytest.mark.parametrize("variables", [{}, {"QUEUE": "", "EXECUTOR": ""}])
def test_without_the_variables_a_task_has_its_pool_and_nothing_else(variables):
    assert place(**variables) == {"pool": "gpu"}


def test_a_queue_is_named(monkeypatch):
    assert place(QUEUE="big-cards.1") == {"pool": "gpu", "queue": "big-cards.1"}


@pytest.mark.parametrize(
    ("configured", "executor"),
    [
        ("CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor, CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor,cards:CeleryExecutor", "cards"),
        ("LocalExecutor,cards:CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor,my.module.EdgeExecutor", "my.module.EdgeExecutor"),
        ("LocalExecutor,my.module.EdgeExecutor", "EdgeExecutor"),
        ("LocalExecutor;team1=CeleryExecutor", "CeleryExecutor"),
    ],
)
def test_an_executor_is_known_by_all_of_its_names(monkeypatch, configured, executor):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", configured)
    assert place(EXECUTOR=executor) == {"pool": "gpu", "executor": executor}


def test_an_executor_that_airflow_is_not_set_to_is_refused_with_both_settings(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    both = r"CDISCOUNT_GPU_EXECUTOR is 'CeleryExecutor'.*AIRFLOW__CORE__EXECUTOR, is 'LocalExecutor'\): add it there"
    with pytest.raises(ConfigError, match=both):
        place(EXECUTOR="CeleryExecutor")
