import pytest
from cdiscount_airflow.reports.owners import dags_of_folder, sample_dag_of, sample_of


@pytest.mark.parametrize(
    "dag_id",
    [
        "cdiscount_catalogue",
        "cdiscount_sample_comparison",
        "cdiscount_clean_up",
        "cdiscount_gauges",
        "cdiscount_roll_back",
        "x",
    ],
)
def test_a_dag_of_no_sample_has_none(dag_id):
    assert sample_of(dag_id) is None


def test_a_samples_dag_and_its_sample_lead_to_each_other():
    assert sample_of(sample_dag_of("wine")) == "wine"


@pytest.mark.parametrize(
    ("group", "dag_ids"),
    [
        ("catalogue", ["cdiscount_catalogue"]),
        ("wine", ["cdiscount_wine"]),
        ("comparison", ["cdiscount_sample_comparison", "cdiscount_wine", "cdiscount_mixed_bag"]),
    ],
)
def test_who_may_read_a_folder_is_decided_by_its_dags(tmp_path, group, dag_ids):
    assert dags_of_folder(tmp_path, group, "wine-mixed_bag") == dag_ids
