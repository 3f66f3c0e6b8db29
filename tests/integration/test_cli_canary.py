"""A secret shows in no output of the command line, in no encoding, and in no file we write."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import yaml

from mailcrm.cli import main
from servers.smtp_sink import SmtpSink

CANARY = "c4nary/+ß'\"-s3cret"


def _forms() -> Iterator[bytes]:
    raw = CANARY.encode()
    yield raw
    yield from (text.encode() for text in (quote(raw, safe=""), quote_plus(raw)))
    yield from (text.encode() for text in (repr(CANARY)[1:-1], json.dumps(CANARY)[1:-1]))
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        yield encoded[4 if offset else 0 : -4]


@pytest.mark.row("R201", "R206", "R207")
def test_cli_secret_shows_nowhere(
    tmp_path: Path,
    smtp_sink: SmtpSink,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    form = json.dumps({"conn_type": "smtp", "login": "ann", "password": CANARY})
    for direction in ("IMAP", "SMTP"):
        monkeypatch.setenv(f"AIRFLOW_CONN_MAILBOX_SALES_{direction}", form)
    monkeypatch.setenv("MAILCRM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAILCRM_DEBUG", "1")
    smtp_sink.replies["AUTH"] = f"535 5.7.8 no {CANARY} {base64.b64encode(CANARY.encode())!r}"
    entry = {"id": "sales", "address": "ann@acme.example", "display_name": "Ann"}
    server = {"host": "127.0.0.1", "encryption": "none"}
    entry |= {"imap": {**server, "port": 1}, "smtp": {**server, "port": smtp_sink.port}}
    path = tmp_path / "sales.yaml"
    path.write_text(yaml.safe_dump({**entry, "folders": ["INBOX"], "ownership": "personal"}))
    for line in (
        "db upgrade", f"mailbox add {path}", "verify sales", "verify sales --round-trip --json",
        "mailbox rotate sales", "mailbox rotate sales --smtp --json", "run sales --json",
        "status sales", "status --json", "mailbox show sales --json", "mailbox list",
    ):  # fmt: skip
        monkeypatch.setattr("sys.stdin", io.StringIO(CANARY + "\n"))
        main(line.split())
    captured = capfd.readouterr()
    written = [file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file()]
    seen = [captured.out.encode(), captured.err.encode(), *written]
    assert "refused" in captured.out
    assert [form for form in _forms() if any(form in text for text in seen)] == []
    assert len(smtp_sink.logins) == 1
