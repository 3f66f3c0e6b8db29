"""Running a program and measuring it: wall time, CPU time, peak memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MAILCRM = Path(sys.executable).with_name("mailcrm")


class BenchError(RuntimeError):
    """A measured program failed; the text ends with what it said."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One run of one program: its own process and its children; not the server."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    detail: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run_program(
    command: Sequence[str], env: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> tuple[Measure, str]:
    """Run it to its end; what it measured and what it printed.

    Raises:
        BenchError: it ended with another code than `codes`.
    """
    environment = {**os.environ, **(env or {})}
    environment.pop("PYTHONPATH", None)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        text = output.read().decode(errors="replace")
        if process.returncode not in codes:
            said = (text + errors.read().decode(errors="replace"))[-2000:]
            raise BenchError(f"{command[0]} ended with {process.returncode}: {said}")
    cpu = usage.ru_utime + usage.ru_stime
    return Measure(round(wall, 3), round(cpu, 3), round(usage.ru_maxrss / 1024, 1)), text


@dataclass(frozen=True, slots=True)
class Product:
    """A fresh home of the product: one database, one mailbox."""

    home: Path
    env: dict[str, str] = field(repr=False)

    @classmethod
    def connect(
        cls, home: Path, login: tuple[str, str], port: int, contacts: Path, database: str | None
    ) -> "Product":
        """Migrate, import the contacts, and register the mailbox."""
        home.mkdir(parents=True)
        env = {"MAILCRM_HOME": str(home)}
        if database is not None:
            env["MAILCRM_DATABASE_URL"] = database
        connection = {"conn_type": "imap", "login": login[0], "password": login[1]}
        for direction in ("IMAP", "SMTP"):
            env[f"AIRFLOW_CONN_MAILBOX_SALES_{direction}"] = json.dumps(connection)
        product = cls(home, env)
        (home / "sales.yaml").write_text(
            "id: sales\naddress: sales@acme.example\ndisplay_name: Acme Sales\n"
            f"imap: {{host: 127.0.0.1, port: {port}, encryption: none}}\n"
            "smtp: {host: 127.0.0.1, port: 9, encryption: none}\n"
            'folders: [INBOX, "\\\\Sent"]\nownership: personal\n'
            "trusted_authserv_ids: [imap.acme.example]\n"
        )
        product.call("db", "upgrade")
        product.call("contacts", "import", str(contacts))
        product.call("mailbox", "add", str(home / "sales.yaml"))
        return product

    def call(self, *arguments: str) -> None:
        run_program([str(MAILCRM), *arguments], self.env)

    def run(self, since: str) -> Measure:
        """`mailcrm run` once; its own report is the detail."""
        command = [str(MAILCRM), "run", "sales", "--since", since, "--json"]
        measure, text = run_program(command, self.env)
        report = json.loads(text)
        names = ("seconds", "totals", "bytes_received", "commands_sent", "peak_rss_mb")
        detail = {name: report[name] for name in names}
        peak = max(measure.peak_mb, report["peak_rss_mb"])
        return Measure(measure.wall_s, measure.cpu_s, peak, detail)
