"""Airflow's plugin: reports inside its UI.

A page in the navigation, a tab on each DAG, a tab on each run. The app is in `cdiscount_airflow.reports`.
"""

from airflow.plugins_manager import AirflowPlugin
from cdiscount_airflow.links import APP, NAV_VIEW, RUN_VIEW, ReportLink
from cdiscount_airflow.reports.app import app

PREFIX = f"/{APP}"
_HREF = APP  # relative to the base of Airflow's UI: it survives a proxy's prefix

APPS = [{"app": app, "url_prefix": PREFIX, "name": "Evaluation reports"}]
VIEWS = [
    {
        "name": "Reports",
        "icon": f"{_HREF}/icon.svg",
        "href": f"{_HREF}/",
        "destination": "nav",
        "url_route": NAV_VIEW,
        "nav_top_level": True,
    },
    {
        "name": "Reports",
        "href": f"{_HREF}/dags/{{DAG_ID}}/",
        "destination": "dag",
        "url_route": "evaluation-reports-of-dag",
    },
    {
        "name": "Report",
        "href": f"{_HREF}/dags/{{DAG_ID}}/runs/{{RUN_ID}}/",
        "destination": "dag_run",
        "url_route": RUN_VIEW,
    },
]
LINKS = [ReportLink()]


class EvaluationReports(AirflowPlugin):
    """Registers the app and its views; a `url_route` makes each a page of the UI."""

    name = "evaluation_reports"
    fastapi_apps = APPS
    external_views = VIEWS
    operator_extra_links = LINKS
