"""Airflow's plugin: reports inside its UI.

A page in the navigation, a tab on each DAG, a tab on each run. The app is in `cdiscount_airflow.reports`.
"""

from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin
from cdiscount_airflow.links import RUN_VIEW, ReportLink
from cdiscount_airflow.reports.app import app

PREFIX = "/evaluation_reports"
_HREF = PREFIX.removeprefix("/")  # relative to the base of Airflow's UI: it survives a proxy's prefix


def _icon(colour: str) -> str:
    """Return a small chart; Airflow's UI shows it as a picture, which cannot take the colour of the text beside it."""
    bars = f'<path d="M4 20h16M7 20v-7M12 20V5M17 20v-11" stroke="{colour}" stroke-width="2" stroke-linecap="round"/>'
    return "data:image/svg+xml," + quote(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{bars}</svg>')


APPS = [{"app": app, "url_prefix": PREFIX, "name": "Evaluation reports"}]
VIEWS = [
    {
        "name": "Reports",  # Airflow cuts a longer name off; the heading of the page is "Evaluation reports"
        "href": f"{_HREF}/",
        "icon": _icon("#3f5369"),
        "icon_dark_mode": _icon("#cbd5e1"),
        "destination": "nav",
        "url_route": "evaluation-reports",
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
