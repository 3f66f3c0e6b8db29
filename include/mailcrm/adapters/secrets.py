"""Credentials from Airflow's connection variables, for use outside Airflow."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from mailcrm.adapters.connections_file import ConnectionsFile
from mailcrm.errors import ImapCredentialError, SettingsError, SmtpCredentialError
from mailcrm.records import ConnectionFields, Credential, Direction, TokenRefresh

__all__ = [
    "EnvironmentCredentials",
    "LocalCredentials",
    "connection_id",
    "connection_variable",
    "read_token_refresh",
    "to_connection_fields",
]

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
        return _to_credential(mailbox_id, direction, variable, value)

    def write_credential(
        self, mailbox_id: str, direction: Direction, credential: Credential
    ) -> bool:
        """See `ports.CredentialStore`: an environment is nobody's to write."""
        return False

    def explain_change(self, mailbox_id: str, direction: Direction, username: str) -> str:
        """See `ports.CredentialStore`."""
        login = json.dumps(username, ensure_ascii=False)
        return (
            f"set {connection_variable(mailbox_id, direction)} to "
            f'{{"conn_type": "{direction.value}", "login": {login}, "password": "<the new one>"}}'
            f", or in Airflow the password of Connection {connection_id(mailbox_id, direction)}"
        )

    def read_connection(self, connection_id: str) -> ConnectionFields | None:
        """See `ports.Connections`."""
        value = self._environment.get(f"AIRFLOW_CONN_{connection_id}".upper(), "").strip()
        return to_connection_fields(connection_id, value) if value else None

    def holds(self, variable: str) -> bool:
        """Whether the variable is set."""
        return bool(self._environment.get(variable, "").strip())

    def __repr__(self) -> str:
        """Without the environment, which holds secrets."""
        return "EnvironmentCredentials()"


class LocalCredentials:
    """The environment's connections, then those of a file; implements `ports.CredentialStore`."""

    def __init__(self, path: Path | None, environment: Mapping[str, str] | None = None) -> None:
        """`path` is a connections file, None for none."""
        self._environment = EnvironmentCredentials(environment)
        self._file = None if path is None else ConnectionsFile(path)

    def read_credential(self, mailbox_id: str, direction: Direction) -> Credential:
        """One direction's login and password; the environment wins.

        Raises:
            ImapCredentialError, SmtpCredentialError: neither has it, or it is broken.
            SettingsError: the file cannot be read.
        """
        name = connection_id(mailbox_id, direction)
        value = None if self._in_environment(mailbox_id, direction) else self._from_file(name)
        if value is None:
            return self._environment.read_credential(mailbox_id, direction)
        return _to_credential(mailbox_id, direction, f"connection {name}", value)

    def write_credential(
        self, mailbox_id: str, direction: Direction, credential: Credential
    ) -> bool:
        """Replace it in the file; False without one, or where the environment would win."""
        if self._file is None or self._in_environment(mailbox_id, direction):
            return False
        name = connection_id(mailbox_id, direction)
        self._file.write(name, credential.username, credential.password)
        return True

    def explain_change(self, mailbox_id: str, direction: Direction, username: str) -> str:
        """See `ports.CredentialStore`."""
        return self._environment.explain_change(mailbox_id, direction, username)

    def read_connection(self, connection_id: str) -> ConnectionFields | None:
        """See `ports.Connections`; the environment wins."""
        found = self._environment.read_connection(connection_id)
        stored = self._from_file(connection_id) if found is None else None
        return found if stored is None else to_connection_fields(connection_id, stored)

    def _in_environment(self, mailbox_id: str, direction: Direction) -> bool:
        return self._environment.holds(connection_variable(mailbox_id, direction))

    def _from_file(self, name: str) -> str | None:
        return None if self._file is None else self._file.read(name)


def to_connection_fields(connection_id: str, value: str) -> ConnectionFields:
    """All fields of a connection, from JSON or a URI.

    Raises:
        SettingsError: it is neither; never says what it holds.
    """
    fields: Mapping[str, Any] | None = None
    try:
        fields = json.loads(value) if value.startswith("{") else _uri_fields(value)
        port = int(fields["port"]) if fields and fields.get("port") else None
        extra = (fields or {}).get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except (ValueError, TypeError, RecursionError):
        fields = None
    if fields is None or not isinstance(extra, dict):
        problem = "is neither JSON nor a URI in Airflow's form"
        raise SettingsError(where=f"connection {connection_id}", problem=problem)
    texts = {name: str(fields.get(name) or "") for name in ("host", "login", "password")}
    return ConnectionFields(**texts, port=port, extra=extra)


def _uri_fields(value: str) -> dict[str, Any] | None:
    parts = urlsplit(value)
    if not parts.scheme or "://" not in value:
        return None
    query = dict(parse_qsl(parts.query))
    extra = json.loads(query["__extra__"]) if "__extra__" in query else query
    login = {"login": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    return {**login, "host": parts.hostname, "port": parts.port, "extra": extra}


def _to_credential(mailbox_id: str, direction: Direction, where: str, value: str) -> Credential:
    fields = _parse_json(value) if value.startswith("{") else _parse_uri(value)
    if fields is None:
        problem = f"{where} is neither JSON nor a URI: write it as {_EXAMPLE % direction.value}"
        raise _ERRORS[direction](mailbox_id=mailbox_id, reason=problem)
    refresh = read_token_refresh(fields.get("extra", ""))
    for name in ("login", "password"):
        if not fields.get(name) and not (name == "password" and refresh):
            problem = f"{where} has no {name}: add it"
            raise _ERRORS[direction](mailbox_id=mailbox_id, reason=problem)
    return Credential(fields["login"], fields["password"], refresh)


def read_token_refresh(extra: str) -> TokenRefresh | None:
    """How to renew a token, from a connection's extra (a JSON object); None where it lacks that."""
    try:
        loaded = json.loads(extra) if extra else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(loaded, dict):
        return None
    return TokenRefresh.of({name: one for name, one in loaded.items() if isinstance(one, str)})


def _parse_json(value: str) -> dict[str, str] | None:
    """Login and password; "" where missing or not text, None where the JSON is broken."""
    try:
        loaded = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(loaded, dict):
        return None
    found = {name: loaded.get(name) for name in ("login", "password")}
    fields = {name: text if isinstance(text, str) else "" for name, text in found.items()}
    extra = loaded.get("extra")
    fields["extra"] = extra if isinstance(extra, str) else json.dumps(extra)
    return fields


def _parse_uri(value: str) -> dict[str, str] | None:
    """The same from scheme://login:password@host:port, percent-decoded."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if not parts.scheme or "://" not in value:
        return None
    return {"login": unquote(parts.username or ""), "password": unquote(parts.password or "")}
