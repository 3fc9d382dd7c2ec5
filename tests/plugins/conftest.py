"""An Airflow home for tests of the Airflow side: set before Airflow is imported, since it reads its settings then."""

import os
import tempfile

# A test run must leave nothing in the home of the person who starts it.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-tests-"))
