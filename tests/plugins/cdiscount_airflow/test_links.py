from types import SimpleNamespace
from urllib.parse import unquote

from airflow.sdk import dag
from cdiscount_airflow.links import RUN_VIEW, ReportLink, link_report, question_picture
from cdiscount_airflow.tasks.stage_task import stage_task


def test_a_link_leads_to_the_run_s_tab_whatever_its_id_holds():
    run_id = "manual__2026-11-25T15:17:00+00:00"
    link = ReportLink().get_link(None, ti_key=SimpleNamespace(dag_id="cdiscount_wine", run_id=run_id))

    assert not {":", "+"} & set(link)
    assert unquote(link) == f"dags/cdiscount_wine/runs/{run_id}/plugin/{RUN_VIEW}"


def test_a_linked_task_carries_the_link():
    @stage_task()
    def write() -> dict:
        """Write."""

    @dag(schedule=None)
    def linked():
        link_report(write())

    assert [link.name for link in linked().get_task("write").operator_extra_links] == ["Report"]


def test_a_question_s_picture_is_where_the_plugin_s_app_serves_it():
    from evaluation_reports import PREFIX

    assert (
        f"/{question_picture('wine', 'manual__1-0a1b2c', '7.jpg')}" == f"{PREFIX}/questions/wine/manual__1-0a1b2c/7.jpg"
    )
