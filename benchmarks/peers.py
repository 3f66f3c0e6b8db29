"""What others need for the same mailbox, and what the server alone can do."""

import email
import email.policy
import shutil
import socket
import sys
import time
from pathlib import Path

from measuring import Measure, run_program

_MBSYNC = """\
FSync {fsync}

IMAPAccount bench
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account bench

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel bench
Far :far:
Near :near:
Patterns INBOX Sent
Create Near
Sync Pull
SyncState *
"""
_OFFLINEIMAP = """\
[general]
accounts = bench
metadata = {folder}/meta
fsync = {fsync}
ui = quiet

[Account bench]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {folder}/mail

[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
auth_mechanisms = LOGIN
readonly = True
folderfilter = lambda name: name in ("INBOX", "Sent")
"""


def run_mbsync(folder: Path, port: int, login: tuple[str, str], fsync: bool) -> Measure | None:
    """Debian's isync, copying both folders into an empty Maildir; None where not installed."""
    program = shutil.which("mbsync")
    if program is None:
        return None
    (folder / "mail").mkdir(parents=True)
    config = folder / "mbsyncrc"
    words = {"port": port, "user": login[0], "password": login[1], "folder": folder}
    config.write_text(_MBSYNC.format(**words, fsync="yes" if fsync else "no"))
    measure, _ = run_program([program, "-c", str(config), "-q", "bench"])
    return _with_count(measure, folder)


def run_offlineimap(folder: Path, port: int, login: tuple[str, str]) -> Measure | None:
    """Offlineimap without fsync into an empty Maildir; None where not installed."""
    program = shutil.which("offlineimap")
    if program is None:
        return None
    (folder / "mail").mkdir(parents=True)
    config = folder / "offlineimaprc"
    words = {"port": port, "user": login[0], "password": login[1], "folder": folder}
    config.write_text(_OFFLINEIMAP.format(**words, fsync=False))
    command = [program, "-c", str(config), "-o", "-u", "quiet"]
    # It also syncs flags afterwards, for which this server has no right to write: exit code 1.
    measure, _ = run_program(command, {"HOME": str(folder)}, codes=(0, 1))
    return _with_count(measure, folder)


def _with_count(measure: Measure, folder: Path) -> Measure:
    count = sum(1 for path in (folder / "mail").glob("*/[cn]*/*") if path.parent.name != "tmp")
    return Measure(measure.wall_s, measure.cpu_s, measure.peak_mb, {"messages": count})


def run_imapclient(folder: Path, port: int, login: tuple[str, str]) -> Measure:
    """The loop that one writes by hand: imapclient, the email package, nothing stored."""
    command = [sys.executable, __file__, str(port), *login]
    measure, text = run_program(command)
    return Measure(measure.wall_s, measure.cpu_s, measure.peak_mb, {"messages": int(text)})


def read_all(port: int, login: tuple[str, str], items: str = "BODY.PEEK[]") -> Measure:
    """The server's own limit: one FETCH a folder, its bytes counted and thrown away."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        buffer = bytearray(1024 * 1024)
        sock.recv(65536)
        total = 0
        started, cpu = time.monotonic(), time.process_time()
        for number, words in enumerate(
            (
                f"LOGIN {login[0]} {login[1]}",
                *("EXAMINE INBOX", f"UID FETCH 1:* ({items})"),
                *("EXAMINE Sent", f"UID FETCH 1:* ({items})"),
            )
        ):
            sock.sendall(f"t{number} {words}\r\n".encode())
            total += _drain(sock, buffer, f"t{number} OK".encode())
        wall, used = time.monotonic() - started, time.process_time() - cpu
    return Measure(round(wall, 3), round(used, 3), 0.0, {"bytes": total})


def _drain(sock: socket.socket, buffer: bytearray, mark: bytes) -> int:
    """Read until the tagged answer; it comes last, so only the end of each piece is looked at."""
    total, tail = 0, b""
    while True:
        size = sock.recv_into(buffer)
        if not size:
            raise ConnectionError("the server closed the connection")
        total += size
        tail = (tail + bytes(buffer[max(0, size - 4096) : size]))[-4096:]
        if tail.endswith(b"\r\n") and mark in tail:
            return total


def _loop(port: int, user: str, password: str) -> int:
    from imapclient import IMAPClient

    count = 0
    with IMAPClient("127.0.0.1", port, ssl=False) as client:
        client.login(user, password)
        for folder in ("INBOX", "Sent"):
            client.select_folder(folder, readonly=True)
            uids = client.search()
            for start in range(0, len(uids), 100):
                items = ["BODY.PEEK[]", "INTERNALDATE", "FLAGS"]
                for data in client.fetch(uids[start : start + 100], items).values():
                    message = email.message_from_bytes(data[b"BODY[]"], policy=email.policy.default)
                    body = message.get_body(("plain", "html"))
                    _ = message["from"], message["subject"], body and body.get_content()
                    _ = [part.get_filename() for part in message.iter_attachments()]
                    count += 1
    return count


if __name__ == "__main__":
    print(_loop(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
