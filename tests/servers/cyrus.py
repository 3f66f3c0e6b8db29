"""A real Cyrus IMAP with its own configuration in a temporary folder.

Runs as one account throughout: ours, or Debian's `cyrus` where the tests run as root. Users are
made by `saslpasswd2` in a file of the folder. The namespace is the one that Debian configures
(and that most Cyrus servers have): folders below `INBOX`, with `.` between the names.

Debian's `cyrus-imapd` and `dovecot-imapd` conflict, so `imapd` may also have been unpacked into
`build/servers` (tests/setup_servers.sh says how); `master` comes from `cyrus-common`.
"""

import contextlib
import grp
import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
import trustme

from servers.imap_user import Append, ImapUser
from servers.ports import (
    LOOPBACK,
    ServerStartError,
    free_ports,
    has_greeting,
    server_folder,
    start_process,
    stop_process,
    unprivileged_user,
)

DOMAIN = "acme.example"
PASSWORD = "cyrus-test-secret"
ATTEMPTS = 3
BATCH = 500
MASTER = Path("/usr/lib/cyrus/bin/master")
IMAPD = (
    Path(__file__).parents[2] / "build/servers/cyrus/usr/lib/cyrus/bin/imapd",
    Path("/usr/lib/cyrus/bin/imapd"),
)
FOLDERS = ("db", "log", "msg", "proc", "socket", "lock", "user", "quota", "sync", "mail")

IMAPD_CONF = """
configdirectory: {folder}
partition-default: {folder}/mail
defaultpartition: default
hashimapspool: yes
cyrus_user: {user}
cyrus_group: {group}
proc_path: {folder}/proc
mboxname_lockpath: {folder}/lock
idlesocket: {folder}/socket/idle
notifysocket: {folder}/socket/notify
virtdomains: userid
defaultdomain: elsewhere.example
altnamespace: no
unixhierarchysep: no
autocreate_quota: 0
autocreate_inbox_folders: Sent | Drafts
xlist-sent: Sent
xlist-drafts: Drafts
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/users.db
sasl_auto_transition: no
failedloginpause: 0
delete_mode: immediate
expunge_mode: immediate
skiplist_unsafe: yes
tls_server_cert: {folder}/server.pem
tls_server_key: {folder}/server.key
tls_session_timeout: 0
syslog_prefix: mailcrm-test
"""

CYRUS_CONF = """
START {{
  recover cmd="ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{imapd}" listen="127.0.0.1:{imap_port}" prefork=2
  imaps cmd="{imapd} -s" listen="127.0.0.1:{imaps_port}" prefork=0
}}
EVENTS {{
}}
"""


@dataclass(frozen=True, slots=True)
class CyrusUser(ImapUser):
    """One mailbox of one test."""

    server: "CyrusServer"
    takes_anything: ClassVar[bool] = False

    def folder(self, *parts: str) -> str:
        """The server's name of a folder of ours: below INBOX, with dots."""
        return ".".join(parts if parts[0] == "INBOX" else ("INBOX", *parts))

    def fill(self, folder: str, messages: Sequence[Append]) -> None:
        """Put many messages into INBOX or another existing folder, some hundreds at a time."""
        with self.connect() as client:
            for start in range(0, len(messages), BATCH):
                batch: list[dict[str, object]] = []
                for message in messages[start : start + BATCH]:
                    batch.append({"msg": message.raw, "flags": message.flags})
                    if message.internaldate is not None:
                        batch[-1]["date"] = message.internaldate
                client.multiappend(folder, batch)


@dataclass(frozen=True, slots=True)
class CyrusServer:
    """A running server: plain and STARTTLS on `imap_port`, TLS at once on `imaps_port`."""

    folder: Path
    imap_port: int
    imaps_port: int
    ca_file: str
    account: str | None
    host: str = LOOPBACK
    password: str = field(default=PASSWORD, repr=False)

    def new_user(self) -> CyrusUser:
        """A user nobody used before, with an empty INBOX, Sent and Drafts."""
        name = f"u{uuid.uuid4().hex[:12]}"
        owner = pwd.getpwnam(self.account) if self.account else None
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", self.folder / "users.db", "-u", DOMAIN, name],
            input=self.password.encode(),
            env=_environment(),
            check=True,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
        return CyrusUser(self, f"{name}@{DOMAIN}")


def _environment() -> Mapping[str, str]:
    return os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"}


def find_cyrus() -> Path | None:
    """Path of `imapd`, None where it, its master or its user administration is missing."""
    if not MASTER.exists() or shutil.which("saslpasswd2", path=_environment()["PATH"]) is None:
        return None
    return next((path for path in IMAPD if path.exists()), None)


def _write_config(folder: Path, account: str | None, ports: Sequence[int]) -> Path:
    owner = pwd.getpwnam(account) if account else pwd.getpwuid(os.geteuid())
    ca = trustme.CA()
    certificate = ca.issue_cert(LOOPBACK, "localhost")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    (folder / "server.pem").write_bytes(chain)
    certificate.private_key_pem.write_to_path(folder / "server.key")
    group = grp.getgrgid(owner.pw_gid).gr_name
    values: dict[str, object] = {"folder": folder, "user": owner.pw_name, "group": group}
    values |= {"imapd": f"{folder}/imapd -C {folder}/imapd.conf -U 1000"}
    values |= {"imap_port": ports[0], "imaps_port": ports[1]}
    (folder / "imapd.conf").write_text(IMAPD_CONF.format_map(values))
    (folder / "cyrus.conf").write_text(CYRUS_CONF.format_map(values))
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    for path in folder.iterdir():
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return folder / "cyrus.conf"


@contextlib.contextmanager
def run_cyrus() -> Iterator[CyrusServer]:
    """Start a server of our own; skips where none is installed."""
    binary = find_cyrus()
    if binary is None:
        pytest.skip("not installed: cyrus-imapd")
    account = unprivileged_user("cyrus", "nobody")
    with server_folder("cy", account) as folder:
        shutil.copy(binary, folder / "imapd")  # where the account may read it
        for attempt in range(ATTEMPTS):
            ports = free_ports(2)
            config = _write_config(folder, account, ports)

            def is_ready(port: int = ports[0]) -> bool:
                return has_greeting(port)

            # In a session of its own it would outlive tests that somebody kills.
            command = ["setpriv", "--pdeathsig", "TERM"]
            command += [str(MASTER), "-D", "-C", str(folder / "imapd.conf"), "-M", str(config)]
            command += ["-p", str(folder / "master.pid")]
            try:
                process = start_process(
                    command,
                    folder / "cyrus.log",
                    is_ready,
                    account,
                    _environment(),
                    own_session=True,
                )
                break
            except ServerStartError:  # somebody took a port
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield CyrusServer(folder, ports[0], ports[1], str(folder / "ca.pem"), account)
        finally:
            stop_process(process)
