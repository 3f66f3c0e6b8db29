"""A real Dovecot with its own configuration in a temporary folder.

Runs as one unprivileged account throughout (ours, or `nobody` where the tests run as root), so
that the same configuration serves both. Any user name logs in with the same password, and has
a mailbox of its own under the folder; nothing is flushed to disk.
"""

import contextlib
import grp
import os
import pwd
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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

__all__ = [
    "PASSWORD",
    "Append",
    "DovecotServer",
    "DovecotUser",
    "find_dovecot",
    "run_dovecot",
]

PASSWORD = "dovecot-test-secret"
ATTEMPTS = 3

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = 127.0.0.1
protocols = imap
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_username_chars =
mail_max_userip_connections = 0
first_valid_uid = 1
first_valid_gid = 0
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
mailbox_list_index = no
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
  mailbox Drafts {{
    auto = create
    special_use = \\Drafts
  }}
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  # Without this every wrong password slows down all later logins from this machine.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True, slots=True)
class DovecotUser(ImapUser):
    """One mailbox of one test."""

    server: "DovecotServer"

    def folder(self, *parts: str) -> str:
        """The server's name of a folder of ours."""
        return "/".join(parts)

    def fill(self, folder: str, messages: Sequence[Append]) -> None:
        """Put many messages into INBOX or another existing folder quickly, below the server."""
        root = self.server.folder / "mail" / self.name
        target = root if folder == "INBOX" else root / f".{folder.replace('/', '.')}"
        with self.connect() as client:  # makes the folder
            client.select_folder(folder, readonly=True)
        for number, message in enumerate(messages):
            letters = "".join(sorted(FLAG_LETTERS[flag] for flag in message.flags))
            path = target / "cur" / f"{number + 1:010d}.{uuid.uuid4().hex}.test:2,{letters}"
            path.write_bytes(message.raw.replace(b"\r\n", b"\n"))
            if message.internaldate is not None:
                stamp = message.internaldate.timestamp()
                os.utime(path, (stamp, stamp))
            if self.server.account is not None:
                shutil.chown(path, self.server.account)


FLAG_LETTERS = {
    "\\Seen": "S",
    "\\Answered": "R",
    "\\Flagged": "F",
    "\\Draft": "D",
    "\\Deleted": "T",
}


@dataclass(frozen=True, slots=True)
class DovecotServer:
    """A running server: plain and STARTTLS on `imap_port`, TLS at once on `imaps_port`."""

    folder: Path
    imap_port: int
    imaps_port: int
    ca_file: str
    account: str | None
    host: str = LOOPBACK
    password: str = field(default=PASSWORD, repr=False)

    def new_user(self) -> DovecotUser:
        """A user nobody used before, with an empty INBOX, Sent and Drafts."""
        return DovecotUser(self, f"u{uuid.uuid4().hex[:12]}@acme.example")

    def log(self) -> str:
        """What the server logged."""
        return (self.folder / "dovecot.log").read_text(errors="replace")


def find_dovecot() -> str | None:
    """Path of the server's binary, None where it is not installed."""
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _write_config(folder: Path, account: str | None, ports: Sequence[int]) -> Path:
    owner = pwd.getpwnam(account) if account else pwd.getpwuid(os.geteuid())
    ca = trustme.CA()
    certificate = ca.issue_cert(LOOPBACK, "localhost")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    (folder / "server.pem").write_bytes(chain)
    certificate.private_key_pem.write_to_path(folder / "server.key")
    config = folder / "dovecot.conf"
    config.write_text(
        CONFIG.format(
            folder=folder,
            user=owner.pw_name,
            group=grp.getgrgid(owner.pw_gid).gr_name,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            password=PASSWORD,
            imap_port=ports[0],
            imaps_port=ports[1],
        )
    )
    for name in ("run", "state", "mail"):
        (folder / name).mkdir(exist_ok=True)
    for path in folder.iterdir():
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return config


@contextlib.contextmanager
def run_dovecot() -> Iterator[DovecotServer]:
    """Start a server of our own; skips where none is installed."""
    binary = find_dovecot()
    if binary is None:
        pytest.skip("not installed: dovecot-imapd")
    account = unprivileged_user("nobody")
    with server_folder("dc", account) as folder:
        for attempt in range(ATTEMPTS):
            ports = free_ports(2)
            config = _write_config(folder, account, ports)

            def is_ready(port: int = ports[0]) -> bool:
                return has_greeting(port)

            try:
                command = [binary, "-F", "-c", str(config)]
                process = start_process(command, folder / "dovecot.log", is_ready, account)
                break
            except ServerStartError:  # somebody took a port
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield DovecotServer(folder, ports[0], ports[1], str(folder / "ca.pem"), account)
        finally:
            stop_process(process)
