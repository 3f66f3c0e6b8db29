"""The registry's tables: mailboxes and what their verifications found."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update

from mailcrm.adapters.crm_database.engine import insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.health import write_health
from mailcrm.adapters.crm_database.schema import mailbox_health, mailboxes
from mailcrm.adapters.registry_entry import mailbox_from_entry, mailbox_to_entry
from mailcrm.errors import SettingsError, UnknownMailboxError
from mailcrm.records import Mailbox, MailboxState, Ownership, VerifyResult
from mailcrm.records.registry import NO_TEAM, RegistryEntry

__all__ = ["RegistryTables"]


class RegistryTables:
    """The registry in the CRM database; see `mailcrm.ports.Registry`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def write_mailbox(self, mailbox: Mailbox, now: dt.datetime) -> None:
        """Add or replace one; `connected_at` of the first time stays.

        A paused mailbox stays paused, a removed one becomes active again.
        """
        with writing(self._engine) as connection:
            stored = connection.execute(
                select(mailboxes.c.state)
                .where(mailboxes.c.mailbox_id == mailbox.id)
                .with_for_update()
            ).scalar_one_or_none()
            state = MailboxState(stored or mailbox.state)
            if state is MailboxState.REMOVED:
                state = MailboxState.ACTIVE
            insert = insert_into(connection, mailboxes)
            changed = {
                "address": mailbox.address,
                "entry": mailbox_to_entry(mailbox),
                "state": state.value,
                "updated_at": now,
            }
            connection.execute(
                insert.values(
                    mailbox_id=mailbox.id, connected_at=mailbox.connected_at or now, **changed
                ).on_conflict_do_update(index_elements=["mailbox_id"], set_=changed)
            )

    def claim_mailbox(self, mailbox: Mailbox, now: dt.datetime) -> bool:
        """Store a new one, paused; False, and nothing is stored, where its id is connected."""
        changed = {
            "address": mailbox.address,
            "entry": mailbox_to_entry(mailbox),
            "state": MailboxState.PAUSED.value,
            "updated_at": now,
        }
        with writing(self._engine) as connection:
            insert = insert_into(connection, mailboxes).values(
                mailbox_id=mailbox.id, connected_at=mailbox.connected_at or now, **changed
            )
            claimed = connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["mailbox_id"],
                    set_=changed,
                    where=mailboxes.c.state == MailboxState.REMOVED.value,
                ).returning(mailboxes.c.mailbox_id)
            ).one_or_none()
        return claimed is not None

    @retried
    def read_mailbox(self, mailbox_id: str) -> Mailbox:
        """One mailbox.

        Raises:
            UnknownMailboxError: it is not registered, or was removed.
            SettingsError: its stored entry does not pass the checks any more.
        """
        with reading(self._engine) as connection:
            row = connection.execute(
                select(mailboxes).where(
                    mailboxes.c.mailbox_id == mailbox_id,
                    mailboxes.c.state != MailboxState.REMOVED.value,
                )
            ).one_or_none()
        if row is None:
            raise UnknownMailboxError(mailbox_id=mailbox_id)
        return _to_mailbox(row)

    def list_mailboxes(self) -> Sequence[Mailbox]:
        """All that were not removed and whose entry is right, by id."""
        return [e.mailbox for e in self.list_entries() if e.mailbox is not None]

    @retried
    def list_entries(self) -> Sequence[RegistryEntry]:
        """All that were not removed, by id; a wrong entry brings its error instead of a mailbox."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(mailboxes)
                .where(mailboxes.c.state != MailboxState.REMOVED.value)
                .order_by(mailboxes.c.mailbox_id)
            ).all()
            health = _read_health(connection, [row.mailbox_id for row in rows])
        # Sorted here: databases sort text by their own collation.
        return sorted(
            (_to_entry(row, health.get(row.mailbox_id, {})) for row in rows),
            key=lambda entry: entry.mailbox_id,
        )

    @retried
    def find_entry(self, mailbox_id: str) -> RegistryEntry | None:
        """One in whatever state, also removed; None where there never was one."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(mailboxes).where(mailboxes.c.mailbox_id == mailbox_id)
            ).one_or_none()
            if row is None:
                return None
            health = _read_health(connection, [mailbox_id])
        return _to_entry(row, health.get(mailbox_id, {}))

    @retried
    def read_stamp(self) -> str:
        """A text that changes with every change of the registry; costs one small query."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(mailboxes.c.state, func.count(), func.max(mailboxes.c.updated_at))
                .group_by(mailboxes.c.state)
                .order_by(mailboxes.c.state)
            ).all()
        return ";".join(f"{state} {count} {latest}" for state, count, latest in rows)

    def set_state(self, mailbox_id: str, state: str, now: dt.datetime) -> None:
        """Pause, resume or remove one.

        Raises:
            UnknownMailboxError: it is not registered, or was removed.
        """
        with writing(self._engine) as connection:
            done = connection.execute(
                update(mailboxes)
                .where(
                    mailboxes.c.mailbox_id == mailbox_id,
                    mailboxes.c.state != MailboxState.REMOVED.value,
                )
                .values(state=MailboxState(state).value, updated_at=now)
            )
        if done.rowcount == 0:
            raise UnknownMailboxError(mailbox_id=mailbox_id)

    @retried
    def write_health(self, mailbox_id: str, result: VerifyResult, now: dt.datetime) -> None:
        """Keep what a verification found; `since` moves only when the state changes.

        When the direction goes down or recovers, a notice is put down in the same transaction.
        """
        with writing(self._engine) as connection:
            row = connection.execute(
                select(mailboxes.c.address, mailboxes.c.entry).where(
                    mailboxes.c.mailbox_id == mailbox_id
                )
            ).one()
            write_health(connection, mailbox_id, result, _caretaker(row.address, row.entry), now)

    @retried
    def read_health(self, mailbox_id: str) -> Mapping[str, Mapping[str, object]]:
        """Last verification by direction, as plain values for display."""
        with reading(self._engine) as connection:
            return _read_health(connection, [mailbox_id]).get(mailbox_id, {})


def _caretaker(address: str, entry: Any) -> str:
    """Who looks after the credentials; the entry may be wrong."""
    shared = entry.get("shared") if isinstance(entry, dict) else None
    owner = shared.get("rotation_owner") if isinstance(shared, dict) else None
    return str(owner or address)


def _read_health(
    connection: Connection, mailbox_ids: Iterable[str]
) -> dict[str, dict[str, dict[str, object]]]:
    health: dict[str, dict[str, dict[str, object]]] = {}
    rows = connection.execute(
        select(mailbox_health).where(mailbox_health.c.mailbox_id.in_(list(mailbox_ids)))
    )
    for row in rows.mappings():
        fields = {k: v for k, v in row.items() if k not in ("mailbox_id", "direction")}
        health.setdefault(row["mailbox_id"], {})[row["direction"]] = fields
    return health


def _to_mailbox(row: Row[Any]) -> Mailbox:
    mailbox = mailbox_from_entry(row.entry, f"mailbox {row.mailbox_id}")
    if mailbox.id != row.mailbox_id:
        raise SettingsError(
            where=f"mailbox {row.mailbox_id}", problem="its entry carries another id"
        )
    return dataclasses.replace(
        mailbox, state=MailboxState(row.state), connected_at=row.connected_at
    )


def _to_entry(row: Row[Any], health: Mapping[str, Mapping[str, object]]) -> RegistryEntry:
    mailbox, error = None, None
    try:
        mailbox = _to_mailbox(row)
    except SettingsError as refused:
        error = str(refused)
    return RegistryEntry(
        mailbox_id=row.mailbox_id,
        address=row.address,
        state=MailboxState(row.state),
        connected_at=row.connected_at,
        updated_at=row.updated_at,
        mailbox=mailbox,
        error=error,
        health=health,
        owner_team=_owner_team(row.entry),
    )


def _owner_team(entry: Any) -> str | None:
    """Who owns it, also where the entry is wrong otherwise."""
    if not isinstance(entry, dict):
        return NO_TEAM
    shared = entry.get("shared")
    if not shared and entry.get("ownership") != Ownership.SHARED.value:
        return None
    team = shared.get("owner_team") if isinstance(shared, dict) else None
    return team if isinstance(team, str) and team.strip() else NO_TEAM
