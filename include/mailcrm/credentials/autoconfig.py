"""Reads Mozilla's autoconfig files (config-v1.1.xml)."""

import re
from xml.etree import ElementTree

from mailcrm.credentials.providers import Proposal, propose_ownership
from mailcrm.records import Encryption, Endpoint

__all__ = ["parse_autoconfig"]

_MODES = {"SSL": Encryption.TLS, "STARTTLS": Encryption.STARTTLS}
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


def parse_autoconfig(raw: bytes, address: str, source: str) -> Proposal | None:
    """The first IMAP and SMTP server that are encrypted; None where the file offers no pair.

    A file with a document type is refused: entities have no place here.

    Args:
        raw: The file, as it came; it may be anything.
        address: Whose settings were asked for.
        source: Where the file came from.
    Source: https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat
    """
    if b"<!" in raw.replace(b"<!--", b""):
        return None
    try:
        root = ElementTree.fromstring(raw)  # noqa: S314 - without a document type
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    imap = _first(root, "incomingServer", "imap", address)
    smtp = _first(root, "outgoingServer", "smtp", address)
    if imap is None or smtp is None:
        return None
    return Proposal(
        address=address,
        name=_text(root, "emailProvider/displayName")[:80] or address.rpartition("@")[2],
        imap=imap[0],
        smtp=smtp[0],
        username=imap[1],
        ownership=propose_ownership(address),
        notes=("Settings that the domain publishes itself: compare them with its help pages.",),
        source=source,
    )


def _first(
    root: ElementTree.Element, tag: str, kind: str, address: str
) -> tuple[Endpoint, str] | None:
    for server in root.iterfind(f"emailProvider/{tag}"):
        host, port = _fill(_text(server, "hostname"), address).lower(), _text(server, "port")
        mode = _MODES.get(_text(server, "socketType").upper())
        fits = server.get("type") == kind and mode is not None and _HOST.fullmatch(host)
        if mode is not None and fits and port.isascii() and port.isdigit() and len(port) <= 5:
            username = _fill(_text(server, "username"), address) or address
            return Endpoint(host, int(port), mode), username
    return None


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _fill(text: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    for name, value in (("ADDRESS", address), ("LOCALPART", local), ("DOMAIN", domain)):
        text = text.replace(f"%EMAIL{name}%", value)
    return text
