"""The DAG bundle that turns the registry into DAG files, wherever Airflow needs them.

The DAG processor refreshes it every few seconds: one small query, and files are written only when
the registry changed. A worker reads its own copy of the files, and asks the database only where
they do not know the mailbox that it is about to run.

`[dag_processor] dag_bundle_config_list` names it:
`{"name": "mailboxes", "classpath": "mailcrm_dags.bundle.RegistryDagBundle",
"kwargs": {"refresh_interval": 5}}`
"""

import logging
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.sdk import get_parsing_context

# Loaded here once: the processes that parse are forked from the one that refreshes.
import mailcrm_dags.mailbox_dag  # noqa: F401
from mailcrm.errors import SettingsError
from mailcrm_dags.registry import DAG_PREFIX
from mailcrm_dags.shards import holds_mailbox, is_in_part, write_shards

__all__ = ["RegistryDagBundle"]

logger = logging.getLogger(__name__)

SHARDS = 16
# What the stamp cannot show (clocks that run back) is found so much later.
FULL_READ_S = 60.0


class RegistryDagBundle(BaseDagBundle):
    """Files under `path`: shards of the mailboxes in the database of MAILCRM_DATABASE_URL."""

    supports_versioning = False

    def __init__(
        self, *, shards: int = SHARDS, part: int = 0, parts: int = 1, **options: Any
    ) -> None:
        """Ask nothing yet.

        Args:
            shards: Into so many files the mailboxes are dealt; about 64 in each parse quickly.
            part: Which of `parts` this Airflow runs, from 0.
            parts: So many deployments of Airflow divide the mailboxes of one registry.
            options: Of Airflow: name, refresh_interval and others.

        Raises:
            SettingsError: there is no such part.
        """
        super().__init__(**options)
        if not 0 <= part < parts:
            problem = f"part {part} of {parts}: must be 0 to {parts - 1}"
            raise SettingsError(where="dag_bundle_config_list", problem=problem)
        self._part, self._parts = part, parts
        self._shards = shards
        self._stamp: str | None = None
        self._read_at = 0.0

    @property
    def path(self) -> Path:
        """Where Airflow finds the DAG files."""
        return Path(self.base_dir) / "registry"

    def get_current_version(self) -> None:
        """The registry has no versions: a run always takes its mailbox as it is now."""
        return

    def initialize(self) -> None:
        """See that the files are there; in a task, that they know its mailbox."""
        self.path.mkdir(parents=True, exist_ok=True)
        dag_id = get_parsing_context().dag_id
        if dag_id is not None and not self._knows(dag_id):
            with self.lock():
                write_shards(self.path, self._read_rows(None)[1], self._shards)
        super().initialize()

    def refresh(self) -> None:
        """Write what changed in the registry, after Airflow was made ready for it.

        An unreachable database leaves the files as they are; Airflow logs the error, and asks
        again at the next refresh.
        """
        from mailcrm_dags.airflow_state import prepare_airflow

        is_due = time.monotonic() - self._read_at > FULL_READ_S
        stamp, rows = self._read_rows(None if is_due else self._stamp)
        if rows is None:
            return
        with self.lock():
            prepare_airflow(self.name, rows)
            changed = write_shards(self.path, rows, self._shards)
        self._stamp, self._read_at = stamp, time.monotonic()
        if changed:
            logger.info("dags.shards_written mailboxes=%d shards=%d", len(rows), changed)

    def _knows(self, dag_id: str) -> bool:
        mailbox_id = dag_id.removeprefix(DAG_PREFIX)
        return holds_mailbox(self.path, mailbox_id, self._shards)

    def _read_rows(self, known_stamp: str | None) -> tuple[str, Any]:
        """The registry's stamp and our part's entries; None for these where the stamp is known."""
        stamp, rows = _read_registry(known_stamp)
        if rows is None:
            return stamp, None
        return stamp, [row for row in rows if is_in_part(str(row["id"]), self._part, self._parts)]


def _read_registry(known_stamp: str | None) -> tuple[str, Any]:
    """The registry's stamp and entries; None for the entries where the stamp is the known one."""
    from mailcrm.services.dag_entries import list_dag_entries, read_stamp
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        stamp = read_stamp(services)
        return stamp, None if stamp == known_stamp else list_dag_entries(services)
