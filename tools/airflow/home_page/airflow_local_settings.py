"""What Airflow's home page says first: where to begin. `tools.airflow.home` puts this folder on Airflow's path."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import Environment, read_environment
from cdiscount_tasks.settings.sample import read_sample
from cdiscount_tasks.vocabulary import DRAWN_WARNING

if TYPE_CHECKING:
    from airflow.api_fastapi.common.types import UIAlert

__all__ = ["DASHBOARD_UIALERTS"]  # Airflow takes every name that is not hidden

_FIRST = "wine"


def _first_dag(environment: Environment) -> tuple[str, str]:
    """Return the title and the DAG of the sample to begin with: wine, or the first by name that can be read."""
    paths = sorted(environment.samples_dir.glob("*.yaml"), key=lambda path: (path.stem != _FIRST, path.name))
    for path in paths:
        try:
            sample = read_sample(path)
        except ConfigError:
            continue  # its own DAG says what is wrong with it
        return f"Cdiscount: {sample.title}", f"dags/cdiscount_{sample.name}"
    return "the list of DAGs", "dags"


def first_steps(environment: Environment) -> str:
    """Return the three steps from here to a report, as Markdown."""
    title, link = _first_dag(environment)
    steps = [
        f"1. Open [{title}]({link}), press **Trigger** and choose a preset.",
        "2. Watch the run: its tab **Report** says how far it is, and why it failed if it does.",
        "3. Read [Reports](plugin/evaluation-reports): every finished run, and what the catalogue holds.",
    ]
    return "\n".join([*steps, *(["", DRAWN_WARNING] if environment.uses_demo_catalogue else [])])


class HomePage:
    """The alerts, made whenever the page asks for them: other processes of Airflow load none of what they need."""

    def __iter__(self) -> Iterator["UIAlert"]:
        """Give the first steps, or what is wrong with the machine's settings."""
        from airflow.api_fastapi.common.types import UIAlert  # noqa: PLC0415

        try:
            yield UIAlert(text=first_steps(read_environment()), category="info")
        except ConfigError as error:
            yield UIAlert(text=str(error), category="error")


DASHBOARD_UIALERTS = HomePage()
