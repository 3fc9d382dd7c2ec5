from tools.airflow.home import PROJECT_DIR
from tools.airflow.list_dags import dag_table


def test_the_document_lists_the_dags_as_they_are(project_dags):
    assert (PROJECT_DIR / "docs" / "dags.md").read_text("utf-8") == dag_table(project_dags), "run `make dags`"
