"""XOAUTH2 with a token that is renewed at the provider's token endpoint, on scripted servers."""

import base64
import contextlib
import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest

from mailcrm.adapters.mail_servers import RealMailServers
from mailcrm.adapters.oauth import refresh_credential
from mailcrm.adapters.secrets import EnvironmentCredentials
from mailcrm.errors import ImapCredentialError, ServerUnreachableError
from mailcrm.records import (
    AuthKind,
    Credential,
    Direction,
    Mailbox,
    TokenRefresh,
    VerifyState,
)
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
from servers.scripted import run_scripted

REFRESH = "refresh-c4nary"
TOKEN = "fresh-access-token"


@contextlib.contextmanager
def _endpoint(code: int, document: object) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    heard: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append(parse_qs(body))
            self.send_response(code)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token", heard
    finally:
        server.shutdown()
        server.server_close()


def _credential(url: str) -> Credential:
    return Credential("ann@acme.example", "", TokenRefresh(url, "client-1", REFRESH))


def _mailbox(port: int = 1) -> Mailbox:
    return make_mailbox(imap_port=port, smtp_port=port, auth=AuthKind.XOAUTH2)


@pytest.mark.row("R145")
def test_probe_smtp_refreshed_token_logs_in_once() -> None:
    def smtp(verb: str, rest: str) -> bytes | None:
        if verb == "EHLO":
            return b"250-smtp.acme.example\r\n250 AUTH XOAUTH2\r\n"
        if verb == "AUTH":
            sent = base64.b64decode(rest.split()[1]).decode()
            fits = sent == f"user=ann@acme.example\1auth=Bearer {TOKEN}\1\1"
            return b"235 2.7.0 welcome\r\n" if fits else b"535 5.7.8 no\r\n"
        return b"250 OK\r\n"

    with (
        _endpoint(200, {"access_token": TOKEN, "expires_in": 3600}) as (url, heard),
        run_scripted(b"220 ready\r\n", smtp) as server,
    ):
        servers = RealMailServers(Settings(greeting_timeout_s=5))
        result = servers.probe_smtp(_mailbox(server.port), _credential(url))
        assert server.count("AUTH") == 1
    assert result.state is VerifyState.OK
    assert heard == [
        {
            "grant_type": ["refresh_token"],
            "client_id": ["client-1"],
            "refresh_token": [REFRESH],
        }
    ]


@pytest.mark.row("R145")
def test_probe_imap_error_challenge_is_read_and_answered_with_nothing() -> None:
    challenge = base64.b64encode(b'{"status":"400","schemes":"Bearer"}')
    state = {"tag": ""}

    def imap(tag: str, rest: str) -> bytes | None:
        if rest.startswith("CAPABILITY"):
            return f"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{tag} OK done\r\n".encode()
        if rest.startswith("AUTHENTICATE"):
            state["tag"] = tag
            return b"+ \r\n"
        if tag == "":
            return f"{state['tag']} NO [AUTHENTICATIONFAILED] Invalid credentials\r\n".encode()
        if rest == "":
            return b"+ " + challenge + b"\r\n"
        return f"{tag} OK done\r\n".encode()

    with (
        _endpoint(200, {"access_token": TOKEN}) as (url, _),
        run_scripted(b"* OK ready\r\n", imap) as server,
    ):
        servers = RealMailServers(Settings(greeting_timeout_s=5))
        result = servers.probe_imap(_mailbox(server.port), _credential(url))
        tokens = [line for line in server.lines if TOKEN in _decoded(line)]
    assert (result.state, result.stage) == (VerifyState.REFUSED, "authenticate")
    assert result.is_credential_rejected
    assert len(tokens) == 1


def _decoded(line: str) -> str:
    try:
        return base64.b64decode(line, validate=True).decode()
    except ValueError:
        return ""


@pytest.mark.row("R145", "R201")
def test_refresh_revoked_token_is_rejected_without_showing_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    words = {"error": "invalid_grant", "error_description": f"Token {REFRESH} was revoked."}
    with _endpoint(400, words) as (url, _):
        with pytest.raises(ImapCredentialError) as caught:
            refresh_credential(_mailbox(), Direction.IMAP, _credential(url))
        result = RealMailServers(Settings()).probe_imap(_mailbox(), _credential(url))
    assert caught.value.fields["is_rejected"] is True
    assert "invalid_grant" in str(caught.value)
    assert (result.state, result.is_credential_rejected) == (VerifyState.REFUSED, True)
    assert REFRESH not in str(caught.value) + caplog.text + repr(_credential(url)) + repr(result)


@pytest.mark.parametrize(
    ("code", "document"), [(503, {}), (200, {}), (200, []), (302, {"access_token": TOKEN})]
)
def test_refresh_endpoint_trouble_heals_later(code: int, document: object) -> None:
    with _endpoint(code, document) as (url, _), pytest.raises(ServerUnreachableError):
        refresh_credential(_mailbox(), Direction.IMAP, _credential(url))


@pytest.mark.parametrize("url", ["http://token.example/x", "file:///etc/passwd", "ftp://h/x", ""])
def test_refresh_endpoint_without_tls_is_refused(url: str) -> None:
    with pytest.raises(ImapCredentialError, match="https://"):
        refresh_credential(_mailbox(), Direction.IMAP, _credential(url))


@pytest.mark.parametrize("as_text", [False, True])
def test_connection_extra_brings_the_refresh_and_needs_no_password(as_text: bool) -> None:
    extra: object = {"token_url": "https://t.example/x", "client_id": "c", "refresh_token": REFRESH}
    if as_text:
        extra = json.dumps(extra)
    value = json.dumps({"conn_type": "imap", "login": "ann", "extra": extra})
    store = EnvironmentCredentials({"AIRFLOW_CONN_MAILBOX_SALES_IMAP": value})
    found = store.read_credential("sales", Direction.IMAP)
    assert found.refresh == TokenRefresh("https://t.example/x", "c", REFRESH)
