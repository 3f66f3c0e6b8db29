"""Credentials in Airflow's Connections, as the API server reads and writes them."""

import json
from collections.abc import Iterable
from typing import Any

from airflow.configuration import ensure_secrets_loaded
from airflow.models.connection import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.secrets.metastore import MetastoreBackend
from airflow.utils.session import create_session
from sqlalchemy import select

from mailcrm.errors import ImapCredentialError, SettingsError, SmtpCredentialError
from mailcrm.records import (
    TOKEN_REFRESH_FIELDS,
    ConnectionFields,
    Credential,
    Direction,
    TokenRefresh,
)

__all__ = ["AirflowConnections"]

_ERRORS: dict[Direction, type[ImapCredentialError] | type[SmtpCredentialError]] = {
    Direction.IMAP: ImapCredentialError,
    Direction.SMTP: SmtpCredentialError,
}


class AirflowConnections:
    """`mailcrm.ports.CredentialStore` over `mailbox_<id>_imap` and `mailbox_<id>_smtp`.

    Written to Airflow's own database, encrypted by its Fernet key. Where another backend holds
    the Connection, it is only read: what is written here would not be seen.
    """

    def read_credential(self, mailbox_id: str, direction: Direction) -> Credential:
        """See `CredentialStore`."""
        conn_id = _name(mailbox_id, direction)
        try:
            found = Connection.get_connection_from_secrets(conn_id)
        except AirflowNotFoundException:
            reason = f"there is no Airflow Connection {conn_id}"
            raise _ERRORS[direction](mailbox_id=mailbox_id, reason=reason) from None
        refresh = TokenRefresh.of(found.extra_dejson)
        for name in ("login", "password"):
            if not getattr(found, name) and not (name == "password" and refresh):
                reason = f"the Airflow Connection {conn_id} has no {name}"
                raise _ERRORS[direction](mailbox_id=mailbox_id, reason=reason)
        return Credential(found.login or "", found.password or "", refresh)

    def write_credential(
        self, mailbox_id: str, direction: Direction, credential: Credential
    ) -> bool:
        """See `CredentialStore`."""
        conn_id = _name(mailbox_id, direction)
        if _is_held_elsewhere(conn_id):
            return False
        try:
            with create_session() as session:
                row = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
                if row is None:
                    row = Connection(conn_id=conn_id, conn_type=direction.value)
                    session.add(row)
                row.login = credential.username
                row.set_password(credential.password)
                row.set_extra(_write_extra(row.extra_dejson, credential.refresh))
        except Exception as error:  # its text may hold what was to be written
            problem = f"could not be written ({type(error).__name__})"
            raise SettingsError(where=f"Airflow Connection {conn_id}", problem=problem) from None
        return True

    def explain_change(self, mailbox_id: str, direction: Direction, username: str) -> str:
        """See `CredentialStore`."""
        conn_id = _name(mailbox_id, direction)
        return (
            f"the Connection {conn_id} comes from the environment or a secrets backend: "
            "set its login and password there"
        )

    def read_connection(self, connection_id: str) -> ConnectionFields | None:
        """See `mailcrm.ports.Connections`."""
        try:
            found = Connection.get_connection_from_secrets(connection_id)
        except AirflowNotFoundException:
            return None
        return ConnectionFields(
            host=found.host or "",
            port=found.port,
            login=found.login or "",
            password=found.password or "",
            extra=found.extra_dejson,
        )

    def forget(self, mailbox_id: str, directions: Iterable[Direction] = tuple(Direction)) -> None:
        """Delete a mailbox' Connections from Airflow's database, where they are there."""
        names = [_name(mailbox_id, direction) for direction in directions]
        with create_session() as session:
            for row in session.scalars(select(Connection).where(Connection.conn_id.in_(names))):
                session.delete(row)


def _is_held_elsewhere(conn_id: str) -> bool:
    """Whether a backend that Airflow asks before its database has the Connection."""
    backends: list[Any] = list(ensure_secrets_loaded())
    others = [one for one in backends if not isinstance(one, MetastoreBackend)]
    return any(one.get_connection(conn_id) is not None for one in others)


def _write_extra(known: dict[str, Any], refresh: TokenRefresh | None) -> str:
    """The Connection's extra with how to renew a token, or without."""
    others = {name: value for name, value in known.items() if name not in TOKEN_REFRESH_FIELDS}
    if refresh is not None:
        others |= {
            name: getattr(refresh, name) for name in TOKEN_REFRESH_FIELDS if getattr(refresh, name)
        }
    return json.dumps(others)


def _name(mailbox_id: str, direction: Direction) -> str:
    return f"mailbox_{mailbox_id}_{direction.value}"
