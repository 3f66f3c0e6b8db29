"""Builds what runs beside the product on a developer's machine: a mail server and an Airflow."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.demo.files import read_anchor, write_contacts, write_mailbox
from mailcrm.adapters.demo.messages import build_messages
from mailcrm.adapters.demo.server import MailDevelProcess
from mailcrm.adapters.demo.specials import build_specials
from mailcrm.adapters.local_airflow import LocalAirflowProcesses
from mailcrm.adapters.processes import (
    deaf_to_signals,
    find_free_port,
    hold_folder,
    is_port_free,
    stop_on_signals,
)
from mailcrm.ports import Clock
from mailcrm.ports.local import DemoMailServer, LocalAirflow
from mailcrm.settings import Settings, load_settings

__all__ = ["Workshop", "open_workshop"]


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything that `demo` and `up` use; `settings.home` is absolute."""

    settings: Settings
    folder: Path
    anchor: dt.date
    clock: Clock
    mail_server: DemoMailServer
    airflow: LocalAirflow

    def write_files(self) -> tuple[Path, Path]:
        """The contacts file and the registry file of the demo's mailbox, in this order."""
        ports = self.mail_server.imap_port, self.mail_server.smtp_port
        return write_contacts(self.folder), write_mailbox(self.folder, self.anchor, *ports)


@contextlib.contextmanager
def open_workshop(wanted_port: int | None = None) -> Iterator[Workshop]:
    """Build everything, start nothing, and stop at the end whatever was started.

    Args:
        wanted_port: Of Airflow's pages; another free one is taken where it is None or in use.

    Raises:
        SettingsError: a setting is wrong, or this home is in use by another demo.
    """
    settings = load_settings()
    settings = settings.model_copy(update={"home": settings.home.absolute()})
    folder = settings.home / "demo"
    clock = SystemClock()
    with hold_folder(folder), stop_on_signals():
        anchor = read_anchor(folder, clock.now().date())
        messages = [*build_messages(anchor), *build_specials(anchor)]
        port = wanted_port if wanted_port and is_port_free(wanted_port) else find_free_port()
        server = MailDevelProcess(folder, messages)
        airflow = LocalAirflowProcesses(settings.home, settings.database(), port)
        try:
            yield Workshop(settings, folder, anchor, clock, server, airflow)
        finally:
            with deaf_to_signals():
                airflow.stop()
                server.stop()
