"""What was read in full, and still counts."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from mailcrm.adapters.crm_database.schema import sync_coverage, sync_generations

__all__ = ["FolderInterval", "read_intervals"]


@dataclass(frozen=True, slots=True)
class FolderInterval:
    """One interval of one folder."""

    mailbox_id: str
    folder: str
    generation: int
    since: dt.datetime
    until: dt.datetime


def read_intervals(connection: Connection, mailbox_ids: Sequence[str]) -> Iterator[FolderInterval]:
    """Intervals of the latest generation of each folder, by mailbox, folder and date.

    A folder that was numbered anew and not read since has none: what an earlier generation was
    read of says nothing of this one.
    """
    generations, coverage = sync_generations, sync_coverage
    latest = (
        select(
            generations.c.mailbox_id,
            generations.c.folder,
            func.max(generations.c.generation).label("generation"),
        )
        .where(generations.c.mailbox_id.in_(mailbox_ids))
        .group_by(generations.c.mailbox_id, generations.c.folder)
        .subquery()
    )
    rows = connection.execute(
        select(
            generations.c.mailbox_id,
            generations.c.folder,
            generations.c.generation,
            coverage.c.since,
            coverage.c.until,
        )
        .join(coverage, coverage.c.generation_id == generations.c.generation_id)
        .join(
            latest,
            and_(
                latest.c.mailbox_id == generations.c.mailbox_id,
                latest.c.folder == generations.c.folder,
                latest.c.generation == generations.c.generation,
            ),
        )
        .order_by(generations.c.mailbox_id, generations.c.folder, coverage.c.since)
    )
    return (FolderInterval(*row) for row in rows)
