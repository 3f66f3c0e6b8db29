"""What the DAG processor has to set in Airflow's own tables, before files are parsed.

The only module that touches Airflow's models (they are no public interface): pools, the paused
flag, and the watchers of mailboxes that are gone. Never imported in a task.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from airflow.models.asset import AssetWatcherModel, DagScheduleAssetReference
from airflow.models.dag import DagModel, DagTag
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from mailcrm_dags.registry import DAG_PREFIX

__all__ = ["prepare_airflow"]

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]
# The tag that a paused mailbox's DAG carries (`mailcrm_dags.mailbox_dag`).
PAUSED_TAG = "paused"


def prepare_airflow(bundle_name: str, rows: Sequence[Row]) -> None:
    """Bring Airflow's tables in line with the registry; doing it again changes nothing.

    A task whose pool is missing would wait for ever without a word, so a pool is there before the
    first DAG that names it. One whose size somebody changed keeps it.
    """
    with create_session() as session:
        _create_pools(session, rows)
        _follow_states(session, bundle_name, {f"{DAG_PREFIX}{row['id']}": row for row in rows})


def _create_pools(session: Session, rows: Sequence[Row]) -> None:
    wanted = {row["pool"]: row["pool_slots"] for row in rows if row.get("pool")}
    known = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(list(wanted)))))
    for name in sorted(wanted.keys() - known):
        session.add(
            Pool(
                pool=name,
                slots=wanted[name],
                description="Connections to one mail provider at a time, over all its mailboxes",
                include_deferred=False,
            )
        )
        logger.info("dags.pool_created pool=%s slots=%d", name, wanted[name])


def _follow_states(session: Session, bundle_name: str, wanted: Mapping[str, Row]) -> None:
    """Pause the DAG of a mailbox that is paused or gone, and free what watches it.

    A resumed mailbox's DAG is unpaused only where it carries the tag of a paused one: what people
    paused in Airflow stays paused.
    """
    ours = select(DagModel.dag_id, DagModel.is_paused).where(DagModel.bundle_name == bundle_name)
    known = {row.dag_id: row.is_paused for row in session.execute(ours)}
    gone = known.keys() - wanted.keys()
    resting = {name for name in known.keys() & wanted.keys() if not _is_active(wanted[name])}
    tagged = set(session.scalars(select(DagTag.dag_id).where(DagTag.name == PAUSED_TAG)))
    resumed = {name for name in known if known[name] and name in tagged} - gone - resting
    _set(session, gone, is_stale=True)
    _set(session, {name for name in gone | resting if not known[name]}, is_paused=True)
    _set(session, resumed, is_paused=False)
    _free_watchers(session, gone | resting)


def _is_active(row: Row) -> bool:
    return bool(row["state"] == "active")


def _set(session: Session, dag_ids: Collection[str], **values: bool) -> None:
    if not dag_ids:
        return
    session.execute(
        update(DagModel)
        .where(DagModel.dag_id.in_(dag_ids))
        .values(values)
        .execution_options(synchronize_session=False)
    )
    logger.info("dags.set count=%d values=%s", len(dag_ids), values)


def _free_watchers(session: Session, dag_ids: Collection[str]) -> None:
    """Airflow keeps the watchers of a DAG that is gone; without a reference it ends them."""
    if not dag_ids:
        return
    assets = select(DagScheduleAssetReference.asset_id).where(
        DagScheduleAssetReference.dag_id.in_(dag_ids)
    )
    session.execute(
        delete(AssetWatcherModel)
        .where(AssetWatcherModel.asset_id.in_(assets))
        .execution_options(synchronize_session=False)
    )
