"""Messages made to hurt whoever reads them; and a child that reads each under hard limits.

Run as a script it prints one JSON object: the name of each message, and how its reader ended.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

CPU_S = 2
MEMORY_BYTES = 64 * 1024 * 1024
HEAD = b"From: a@b.example\r\nSubject: x\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def nested(depth: int) -> bytes:
    """Multiparts inside each other."""
    levels = (
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level - 1, level)
        for level in range(1, depth)
    )
    head = HEAD + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
    return head + b"".join(levels) + b"--b%d\r\n\r\nhello\r\n" % (depth - 1)


def addresses(count: int) -> bytes:
    """Many addresses in a row."""
    return b", ".join(b"User Number <u%d@b.example>" % n for n in range(count))


NASTIES: dict[str, Callable[[], bytes]] = {
    "R155 100,000 levels": lambda: nested(100_000),
    "R155 messages in messages": lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 50_000,
    "R156 100,000 parts": lambda: MIXED + b"--b\r\n\r\nx\r\n" * 100_000,
    "R156 a boundary without end": lambda: MIXED + b"--b" * 1_000_000,
    "R157 50,000 recipients": lambda: b"To: " + addresses(50_000) + b"\r\n\r\n",
    "R157 Cc in 10,000 fields": lambda: b"Cc: a@b.example\r\n" * 10_000 + b"\r\nx",
    "R157 an address of a megabyte": lambda: b"To: " + b"a" * 1_000_000 + b"@b.example\r\n\r\n",
    "R158 20,000 encoded words": lambda: b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 20_000,
    "R158 encoded words that never end": lambda: b"Subject: " + b"=?a?b?" * 200_000,
    "R159 a million parentheses": lambda: b"From: " + b"(" * 1_000_000 + b"\r\nTo: ((((\r\n\r\n",
    "R159 parentheses in Date": lambda: b"Date: " + b"(" * 1_000_000 + b"\r\n\r\n",
    "R159 brackets and quotes": lambda: b"From: " + b'<"(\\' * 250_000 + b"\r\n\r\n",
    "R160 semicolons": lambda: HEAD + b"Content-Type: a/b" + b";" * 1_000_000 + b"\r\n\r\nx",
    "R160 continuations": lambda: (
        HEAD + b"Content-Disposition: attachment"
        + b"".join(b"; filename*%d*=x" % n for n in range(50_000)) + b"\r\n\r\nx"
    ),
    "R161 a million fields": lambda: HEAD + b"X-A: b\r\n" * 1_000_000 + b"\r\nx",
    "R161 a field of 10 MB": lambda: HEAD + b"X-A: " + b"a" * 10_000_000 + b"\r\n\r\nx",
    "R161 a subject of 50 MB": lambda: b"Subject: " + b"a " * 25_000_000 + b"\r\n\r\nx",
    "R161 500,000 folded lines": lambda: HEAD + b"X-A: b\r\n" + b" c\r\n" * 500_000 + b"\r\nx",
    "R161 no end of the header": lambda: b"x: y" * 1_000_000,
    "R167 base64 of zeros": lambda: (
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"AAAA" * 5_000_000
    ),
    "R167 quoted-printable": lambda: (
        HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 3_000_000
    ),
    "R167 uuencode": lambda: (
        HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n" + b"M\n" * 2_000_000
    ),
    "R169 an archive of nothing": lambda: (
        MIXED + b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b"UEsDBBQA" * 2_000_000 + b"\r\n--b--\r\n"
    ),
    "R172 markup that never closes": lambda: (
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div style='" * 300_000
    ),
    "R172 tables in tables": lambda: (
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<table><tr><td>" * 60_000
    ),
    "R172 entities": lambda: HEAD + b"Content-Type: text/html\r\n\r\n" + b"&amp;" * 1_000_000,
    "R172 quotes and labels": lambda: HEAD + b"\r\n" + b"> From: a\nOn x wrote:\n" * 100_000,
    "R172 a notice of failures": lambda: (
        b"From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n" + b"a@a.a 550 5.1.1 " * 200_000
    ),
    "R172 spaces": lambda: HEAD + b"\r\n" + b" " * 5_000_000 + b"x",
    "R172 references": lambda: b"References: " + b"<a@b" * 500_000 + b"\r\n\r\n",
}  # fmt: skip


def read_limited(raw: bytes) -> str:
    """Read one message in a child that the system ends when it takes more than it may."""
    from mailcrm.dedupe import plan_identity
    from mailcrm.parse import parse_message

    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return "fine" if status == 0 else f"ended with {os.waitstatus_to_exitcode(status)}"
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU_S, spent + CPU_S))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, size + MEMORY_BYTES))
    try:
        parsed = parse_message(raw, None)
        plan_identity(parsed)
        os._exit(1 if "parser_failed" in parsed.defects else 0)
    except BaseException:
        os._exit(3)


def main() -> None:
    """Read all of them, and say how it went."""
    from mailcrm.parse import parse_message

    warm = HEAD + b"Content-Type: text/html\r\n\r\n<p>J\xc3\xa4\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8</p>"
    parse_message(warm, None)
    sys.stdout.write(json.dumps({name: read_limited(make()) for name, make in NASTIES.items()}))


if __name__ == "__main__":
    main()
