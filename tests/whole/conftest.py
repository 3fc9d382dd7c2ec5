"""A real Airflow's tests leave nothing in the home of the person who starts them."""

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR


@pytest.fixture(scope="session")
def project_dir():
    """Return the project's folder."""
    return PROJECT_DIR
