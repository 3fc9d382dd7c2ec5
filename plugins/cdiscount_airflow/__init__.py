"""The project's Airflow side: assets and schedules, trigger forms, the shape of a task. Imports `airflow.sdk` alone."""
