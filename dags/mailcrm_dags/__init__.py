"""The Airflow glue: everything that knows both Airflow and mailcrm, and nothing else.

registry     the snapshot on disk -> the entries that DAG files loop over
connections  Airflow Connections -> credentials
retries      our two error classes -> retry or fail
tasks        one function per task: a service call, ids and counts in and out
form         the params that a person may set on a run
"""
