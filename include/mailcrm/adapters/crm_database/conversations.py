"""Publishing conversations: their members, those that merged, and their summary rows."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Select,
    String,
    Table,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from mailcrm.adapters.crm_database.bulk import insert_bulk
from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import (
    conversation_members,
    conversation_subjects,
    crm_conversations,
    crm_messages,
    crm_tickets,
    staged_conversation_merges,
    staged_messages,
)
from mailcrm.dedupe import is_id_owner

_touched = Table(
    "mailcrm_touched",
    MetaData(),
    Column("conversation_key", String(64), primary_key=True),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
    postgresql_on_commit="DROP",
)


def publish_conversations(connection: Connection, batch_id: str) -> None:
    """Make the batch's conversations known, merge those that turned out to be one, re-count."""
    staged = staged_messages
    rows = connection.execute(
        select(
            staged.c.message_key,
            staged.c.message_id_hash,
            staged.c.reference_hashes,
            staged.c.conversation_key,
        ).where(
            staged.c.batch_id == batch_id,
            staged.c.disposition == "publish",
            staged.c.conversation_key.is_not(None),
        )
    ).all()
    merges = _merge(connection, batch_id)
    owned: dict[str, str] = {}
    named: dict[str, str] = {}
    for row in rows:
        key = merges.get(row.conversation_key, row.conversation_key)
        own_id = row.message_id_hash or row.message_key
        is_owner = row.message_id_hash is None or is_id_owner(row.message_key, own_id)
        (owned if is_owner else named)[own_id] = key
        named.update(dict.fromkeys(row.reference_hashes, key))
    _write_members(connection, owned, named)
    _write_subjects(connection, batch_id)
    touched = {merges.get(row.conversation_key, row.conversation_key) for row in rows}
    _summarise(connection, {*touched, *merges.values()})


def _merge(connection: Connection, batch_id: str) -> dict[str, str]:
    table = staged_conversation_merges
    merges = {
        row.old_key: row.new_key
        for row in connection.execute(select(table).where(table.c.batch_id == batch_id))
    }
    for old_key, new_key in merges.items():
        for known in (conversation_members, crm_messages):
            connection.execute(
                update(known)
                .where(known.c.conversation_key == old_key)
                .values(conversation_key=new_key)
            )
        _move_tickets(connection, old_key, new_key)
        _move_subjects(connection, old_key, new_key)
        connection.execute(
            delete(crm_conversations).where(crm_conversations.c.conversation_key == old_key)
        )
    return merges


def _write_subjects(connection: Connection, batch_id: str) -> None:
    """When the batch's conversations used which subject; known spans grow."""
    staged, messages = staged_messages.c, crm_messages.c
    rows = (
        select(
            staged.subject_hash,
            messages.conversation_key,
            func.min(staged.sent_at),
            func.max(staged.sent_at),
            func.max(case((staged.subject_asks, 1), else_=0)) == 1,
        )
        .join(crm_messages, messages.message_key == staged.message_key)
        .where(
            staged.batch_id == batch_id,
            staged.disposition == "publish",
            staged.subject_hash.is_not(None),
            messages.conversation_key.is_not(None),
        )
        .group_by(staged.subject_hash, messages.conversation_key)
    )
    _merge_spans(connection, rows)


def _move_subjects(connection: Connection, old_key: str, new_key: str) -> None:
    table = conversation_subjects
    rows = select(
        table.c.subject_hash, literal(new_key), table.c.first_at, table.c.last_at, table.c.asks
    ).where(table.c.conversation_key == old_key)
    _merge_spans(connection, rows)
    connection.execute(delete(table).where(table.c.conversation_key == old_key))


def _merge_spans(connection: Connection, rows: Select[Any]) -> None:
    table = conversation_subjects
    insert = insert_into(connection, table).from_select([one.name for one in table.c], rows)
    new = insert.excluded
    earlier, later = new.first_at < table.c.first_at, new.last_at > table.c.last_at
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["subject_hash", "conversation_key"],
            set_={
                "first_at": case((earlier, new.first_at), else_=table.c.first_at),
                "last_at": case((later, new.last_at), else_=table.c.last_at),
                "asks": or_(table.c.asks, new.asks),
            },
        )
    )


def _move_tickets(connection: Connection, old_key: str, new_key: str) -> None:
    """A ticket follows its conversation, unless the mailbox has one on the other already."""
    tickets, other = crm_tickets, crm_tickets.alias()
    taken = select(other.c.mailbox_id).where(other.c.conversation_key == new_key)
    connection.execute(
        update(tickets)
        .where(tickets.c.conversation_key == old_key, tickets.c.mailbox_id.not_in(taken))
        .values(conversation_key=new_key)
    )


def _write_members(connection: Connection, owned: dict[str, str], named: dict[str, str]) -> None:
    """Owners take their ids; who only names an id gets it while it is free, never from others."""
    for members, conflict in ((owned, "update"), (named, "ignore")):
        rows = sorted(members.items())
        names = ("id_hash", "conversation_key")
        insert_bulk(connection, conversation_members, names, rows, conflict=conflict)


def _summarise(connection: Connection, keys: Iterable[str]) -> None:
    """Re-count the touched conversations; the subject is that of the earliest message."""
    _touched.create(connection, checkfirst=False)
    insert_bulk(connection, _touched, ["conversation_key"], [(key,) for key in sorted(keys)])
    counted = _counted().subquery()
    names = ["conversation_key", "subject", "first_at", "last_at", "message_count"]
    rows = select(*(counted.c[name] for name in names)).where(counted.c.rank == 1)
    insert = insert_into(connection, crm_conversations).from_select(names, rows)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["conversation_key"],
            set_={name: insert.excluded[name] for name in names[1:]},
        )
    )
    _touched.drop(connection, checkfirst=False)


def _counted() -> Select[Any]:
    """Every message of the touched conversations with its conversation's totals."""
    messages = crm_messages.c
    key = messages.conversation_key
    order = (messages.sent_at, messages.message_key)
    return select(
        key,
        messages.subject,
        func.min(messages.sent_at).over(partition_by=key).label("first_at"),
        func.max(messages.sent_at).over(partition_by=key).label("last_at"),
        func.count().over(partition_by=key).label("message_count"),
        func.row_number().over(partition_by=key, order_by=order).label("rank"),
    ).join_from(_touched, crm_messages, key == _touched.c.conversation_key)
