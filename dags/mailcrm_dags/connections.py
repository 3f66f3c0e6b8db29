"""Credentials out of Airflow Connections, wherever Airflow keeps those."""

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from mailcrm.errors import CredentialError, ImapCredentialError, SmtpCredentialError
from mailcrm.records import ConnectionFields, Credential, Direction, TokenRefresh

__all__ = ["AirflowCredentials"]

_ERRORS: dict[Direction, type[ImapCredentialError] | type[SmtpCredentialError]] = {
    Direction.IMAP: ImapCredentialError,
    Direction.SMTP: SmtpCredentialError,
}


class AirflowCredentials:
    """`mailcrm.ports.CredentialStore` over the Connections `mailbox_<id>_imap` and `_smtp`.

    Only login and password are taken; hosts and ports come from the registry. Inside a task
    Airflow masks the password in every log.
    """

    def read_credential(self, mailbox_id: str, direction: Direction) -> Credential:
        """Read one direction's credential.

        Raises:
            ImapCredentialError, SmtpCredentialError: no such Connection, or a field is empty.
        """
        conn_id = _name(mailbox_id, direction)
        try:
            connection = Connection.get(conn_id)
        except AirflowNotFoundException:
            raise _missing(
                mailbox_id, direction, f"there is no Airflow Connection {conn_id}"
            ) from None
        refresh = TokenRefresh.of(connection.extra_dejson)
        for name in ("login", "password"):
            if not getattr(connection, name) and not (name == "password" and refresh):
                reason = f"the Airflow Connection {conn_id} has no {name}"
                raise _missing(mailbox_id, direction, reason)
        return Credential(connection.login or "", connection.password or "", refresh)

    def write_credential(
        self, mailbox_id: str, direction: Direction, credential: Credential
    ) -> bool:
        """See `CredentialStore`: a task may not change Airflow's Connections."""
        return False

    def explain_change(self, mailbox_id: str, direction: Direction, username: str) -> str:
        """See `CredentialStore`."""
        return f"set login and password of the Airflow Connection {_name(mailbox_id, direction)}"

    def read_connection(self, connection_id: str) -> ConnectionFields | None:
        """See `ports.Connections`."""
        try:
            connection = Connection.get(connection_id)
        except AirflowNotFoundException:
            return None
        return ConnectionFields(
            host=connection.host or "",
            port=connection.port,
            login=connection.login or "",
            password=connection.password or "",
            extra=connection.extra_dejson,
        )


def _name(mailbox_id: str, direction: Direction) -> str:
    return f"mailbox_{mailbox_id}_{direction.value}"


def _missing(mailbox_id: str, direction: Direction, reason: str) -> CredentialError:
    return _ERRORS[direction](mailbox_id=mailbox_id, reason=reason)
