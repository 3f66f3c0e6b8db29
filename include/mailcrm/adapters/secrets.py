"""Credentials from Airflow's connection variables, for use outside Airflow."""

import json
import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from mailcrm.errors import ImapCredentialError, SmtpCredentialError
from mailcrm.records import Credential, Direction

__all__ = ["EnvironmentCredentials", "connection_id", "connection_variable"]

_ERRORS = {Direction.IMAP: ImapCredentialError, Direction.SMTP: SmtpCredentialError}
_EXAMPLE = '{"conn_type": "%s", "login": "…", "password": "…"}'


def connection_id(mailbox_id: str, direction: Direction) -> str:
    """The name of the Airflow connection, such as mailbox_sales_imap."""
    return f"mailbox_{mailbox_id}_{direction.value}"


def connection_variable(mailbox_id: str, direction: Direction) -> str:
    """The environment variable that Airflow, too, reads that connection from."""
    return f"AIRFLOW_CONN_{connection_id(mailbox_id, direction)}".upper()


class EnvironmentCredentials:
    """Reads `AIRFLOW_CONN_MAILBOX_<ID>_IMAP` and `_SMTP`: login and password, nothing else.

    Source: Airflow's connection forms, JSON and URI
    (airflow.apache.org, "Managing connections").
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Read from `environment`, by default the process's own at the time of each call."""
        self._environment = os.environ if environment is None else environment

    def read_credential(self, mailbox_id: str, direction: Direction) -> Credential:
        """Read one direction's login and password; host and port are ignored.

        Raises:
            ImapCredentialError, SmtpCredentialError: the variable is missing or broken; names the
                variable and what to do, never its value.
        """
        variable = connection_variable(mailbox_id, direction)
        value = self._environment.get(variable, "").strip()
        if not value:
            problem = f"{variable} is not set: set it to {_EXAMPLE % direction.value}"
            raise _ERRORS[direction](mailbox_id=mailbox_id, reason=problem)
        fields = _parse_json(value) if value.startswith("{") else _parse_uri(value)
        if fields is None:
            problem = (
                f"{variable} is neither JSON nor a URI: write it as {_EXAMPLE % direction.value}"
            )
            raise _ERRORS[direction](mailbox_id=mailbox_id, reason=problem)
        for name in ("login", "password"):
            if not fields.get(name):
                problem = f"{variable} has no {name}: add it"
                raise _ERRORS[direction](mailbox_id=mailbox_id, reason=problem)
        return Credential(username=fields["login"], password=fields["password"])

    def __repr__(self) -> str:
        """Without the environment, which holds secrets."""
        return "EnvironmentCredentials()"


def _parse_json(value: str) -> dict[str, str] | None:
    """Login and password; "" where missing or not text, None where the JSON is broken."""
    try:
        loaded = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(loaded, dict):
        return None
    found = {name: loaded.get(name) for name in ("login", "password")}
    return {name: text if isinstance(text, str) else "" for name, text in found.items()}


def _parse_uri(value: str) -> dict[str, str] | None:
    """The same from scheme://login:password@host:port, percent-decoded."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if not parts.scheme or "://" not in value:
        return None
    return {"login": unquote(parts.username or ""), "password": unquote(parts.password or "")}
