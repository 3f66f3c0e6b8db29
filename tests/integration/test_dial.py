"""Looking up and connecting inside one budget. `getaddrinfo` is the system's, so it is replaced."""

import socket
import threading
from typing import Any

import pytest

from mailcrm.adapters import dial
from mailcrm.adapters.tls import peer_is_loopback
from mailcrm.errors import ServerUnreachableError, UnsafeConnectionError
from mailcrm.records import Direction, Encryption, Endpoint, TlsPolicy
from servers.scripted import run_scripted

STREAM = socket.SOCK_STREAM


def _open(host: str, port: int, budget_s: float) -> socket.socket:
    endpoint = Endpoint(host, port, Encryption.STARTTLS)
    return dial.open_socket(Direction.IMAP, endpoint, TlsPolicy(), budget_s)


def _symptom(host: str, port: int, budget_s: float = 5) -> str:
    with pytest.raises(ServerUnreachableError) as caught:
        _open(host, port, budget_s).close()
    return str(caught.value.fields["symptom"])


@pytest.mark.parametrize(
    ("error", "symptom"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "name_unknown"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "name_server_failed"),
        (socket.gaierror(socket.EAI_FAIL, "x"), "name_server_failed"),
        (UnicodeError("label too long"), "name_unknown"),
    ],
)
def test_open_socket_failed_look_up_tells_unknown_from_passing(
    monkeypatch: pytest.MonkeyPatch, error: Exception, symptom: str
) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert _symptom("imap.acme.example", 993) == symptom


def test_open_socket_hanging_look_up_ends_with_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **o: release.wait(30) and [])
    try:
        assert _symptom("imap.acme.example", 993, budget_s=0.2) == "name_timeout"
    finally:
        release.set()


def test_open_socket_black_holed_first_address_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        socket.socket() as full,
        socket.socket() as filler,
        run_scripted(b"* OK hi\r\n", lambda verb, rest: None) as server,
    ):
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filler.connect(full.getsockname())  # the queue is full: a further connect is never answered
        addresses = [
            (socket.AF_INET, STREAM, 6, "", full.getsockname()),
            (socket.AF_INET, STREAM, 6, "", ("127.0.0.1", server.port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **o: addresses)
        sock = _open("imap.acme.example", 993, 2)
        assert sock.getpeername()[1] == server.port
        sock.close()


def test_peer_is_loopback_judges_where_the_connection_really_went() -> None:
    with run_scripted(b"* OK hi\r\n", lambda verb, rest: None) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as near:
            assert peer_is_loopback(near)
        assert not peer_is_loopback(near)  # closed: unknown is not loopback


@pytest.mark.row("R193", "R194")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "::1"])
def test_open_socket_web_typed_inner_host_is_refused_before_any_connection(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        endpoint = Endpoint(host, listener.getsockname()[1], Encryption.STARTTLS)
        with pytest.raises(UnsafeConnectionError) as caught:
            dial.open_socket(Direction.IMAP, endpoint, TlsPolicy(), 5, allowed_hosts=frozenset())
        with pytest.raises(TimeoutError):
            listener.accept()
    assert caught.value.fields["symptom"] == "host_not_allowed"
