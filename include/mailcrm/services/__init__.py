"""One module per task of the DAG, named as the task; each also runs without Airflow."""
