"""An Airflow home for tests of the Airflow side: set before Airflow is imported, since it reads its settings then."""

import atexit
import os
import shutil
import tempfile

# A test run must leave nothing in the home of the person who starts it.
if "AIRFLOW_HOME" not in os.environ:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-tests-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
