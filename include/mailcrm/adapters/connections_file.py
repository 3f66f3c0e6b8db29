"""A JSON file of connections in Airflow's own form: the one store that we can write."""

import contextlib
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from mailcrm.errors import SettingsError

__all__ = ["ConnectionsFile"]

_MAX_BYTES = 4 * 1024 * 1024


class ConnectionsFile:
    """Connections by id, each an object or a URI.

    Source: Airflow's local filesystem secrets backend (`connections_file_path`).
    """

    def __init__(self, path: Path) -> None:
        """The file need not exist."""
        self.path = path

    def read(self, connection_id: str) -> str | None:
        """One connection, as `AIRFLOW_CONN_*` would hold it; None where there is none.

        Raises:
            SettingsError: the file is broken, or others may read it; never says what it holds.
        """
        value = self._load().get(connection_id)
        return value if isinstance(value, str) or value is None else json.dumps(value)

    def write(self, connection_id: str, login: str, password: str) -> None:
        """Replace login and password of one connection, all at once; other fields stay.

        Raises:
            SettingsError: it cannot be written; what it held is still there.
        """
        loaded = self._load()
        stored = loaded.get(connection_id)
        fields = stored if isinstance(stored, dict) else {"conn_type": connection_id[-4:]}
        loaded[connection_id] = {**fields, "login": login, "password": password}
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(loaded, file, indent=2)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self.path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    draft.unlink()
        except OSError as error:
            raise self._wrong(f"cannot be written: {error.strerror}") from None

    def _load(self) -> dict[str, Any]:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise self._wrong("others may read it: chmod 600")
                loaded = json.loads(file.read(_MAX_BYTES))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._wrong(f"cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError):
            raise self._wrong("is no JSON") from None
        if not isinstance(loaded, dict):
            raise self._wrong("must be one object, connections by id")
        return loaded

    def _wrong(self, problem: str) -> SettingsError:
        return SettingsError(where=str(self.path), problem=problem)
