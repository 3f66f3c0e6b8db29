"""What Airflow knows of mailboxes' DAGs; read only, in one query for many."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from sqlalchemy import select

__all__ = ["DAG_PREFIX", "DagFacts", "read_dags"]

DAG_PREFIX = "mailbox__"


@dataclass(frozen=True, slots=True)
class DagFacts:
    """One mailbox' DAG; `next_run` is None where it runs by hand only, or is paused."""

    is_paused: bool
    is_stale: bool
    next_run: dt.datetime | None


def read_dags(mailbox_ids: Iterable[str]) -> Mapping[str, DagFacts]:
    """By mailbox; those whose DAG Airflow has not made yet are left out."""
    wanted = {f"{DAG_PREFIX}{mailbox_id}": mailbox_id for mailbox_id in mailbox_ids}
    statement = select(
        DagModel.dag_id, DagModel.is_paused, DagModel.is_stale, DagModel.next_dagrun_create_after
    ).where(DagModel.dag_id.in_(list(wanted)))
    with create_session() as session:
        return {
            wanted[dag_id]: DagFacts(
                bool(paused), bool(stale), None if paused or stale else next_run
            )
            for dag_id, paused, stale, next_run in session.execute(statement)
        }
