"""Everything that the pipeline does with data; it never imports Airflow."""
