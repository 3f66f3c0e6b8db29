"""Decides again on stored messages when contacts changed: by the contacts' asset, and daily."""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from mailcrm_dags import chores
from mailcrm_dags.assets import contacts_asset
from mailcrm_dags.declare import CHORE, declare

with DAG(
    dag_id="mailcrm_rematch",
    dag_display_name="Match again",
    description="Decides again on what is stored, where contacts or rules changed",
    doc_md="""### Match again
Runs when another DAG updates the asset `mailcrm_contacts`, and once a day, because contacts that
were imported on the command line raise no event. What people decided stays as it is.""",
    schedule=AssetOrTimeSchedule(
        assets=contacts_asset(), timetable=CronTriggerTimetable("17 3 * * *", timezone="UTC")
    ),
    tags={"mailcrm", "maintenance"},
    **CHORE,
):
    declare(chores.rematch, 120)()
