"""Regular upkeep: health of all mailboxes, what can go, and a copy of the registry."""

from airflow.sdk import DAG, CronTriggerTimetable

from mailcrm_dags import chores
from mailcrm_dags.declare import CHORE, declare

with DAG(
    dag_id="mailcrm_maintenance",
    dag_display_name="Maintenance",
    description="Health of all mailboxes, retention, and a copy of the registry",
    doc_md="""### Maintenance
Every hour, three small tasks that do not wait for each other: the digest tells people of
mailboxes without a good run in their `freshness`; retention deletes staged rows that no run can
use any more; the registry is copied to a file for backups.""",
    schedule=CronTriggerTimetable("41 * * * *", timezone="UTC"),
    tags={"mailcrm", "maintenance"},
    **CHORE,
):
    declare(chores.health_digest, 15)()
    declare(chores.retention, 30)()
    declare(chores.registry_copy, 5)()
