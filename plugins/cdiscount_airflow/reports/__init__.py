"""Reports inside Airflow's UI: the app that lists and serves them. Loaded with the plugin, never by a DAG file."""
