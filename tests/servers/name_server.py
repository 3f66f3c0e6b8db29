"""A DNS server on loopback that knows exactly what a test wrote down."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from servers.ports import LOOPBACK

__all__ = ["NameServer", "run_name_server"]

# (name without the last dot, kind) -> records in their text form.
Zone = Mapping[tuple[str, str], Sequence[str]]


@dataclass(slots=True)
class NameServer:
    """A running server, and the questions that it heard."""

    address: tuple[str, int]
    questions: list[tuple[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def run_name_server(zone: Zone, garbage: bytes | None = None) -> Iterator[NameServer]:
    """Answer until the block ends: from the zone, NXDOMAIN for the rest, or with garbage."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((LOOPBACK, 0))
    server = NameServer(sock.getsockname())
    thread = threading.Thread(target=_serve, args=(sock, server, zone, garbage), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", server.address)
        thread.join(10)
        sock.close()


def _serve(sock: socket.socket, server: NameServer, zone: Zone, garbage: bytes | None) -> None:
    while True:
        data, client = sock.recvfrom(4096)
        if not data:
            return
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        server.questions.append((name, kind))
        if garbage is not None:
            sock.sendto(data[:2] + garbage, client)
            continue
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        records = zone.get((name, kind))
        if records:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        elif not any(known == name for known, _ in zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        sock.sendto(response.to_wire(), client)
