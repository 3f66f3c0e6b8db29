"""Content-Type and Content-Disposition with parameters (RFC 2045, RFC 2231)."""

import re
from urllib.parse import unquote_to_bytes

from mailcrm.parse.charsets import decode_bytes, decode_undeclared
from mailcrm.parse.words import decode_words

_PARAMETER_CAP = 100
_VALUE_CAP = 16 * 1024
_PARAMETER = re.compile(
    rb'[;\s]{0,50}+([^\s=;"]{1,80}+)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))', re.S
)
_SKIP = re.compile(rb"[^;]*+;?")
_ESCAPE = re.compile(rb"\\(.)", re.S)
_CONTINUED = re.compile(r"\A(.+?)\*(\d{1,3})(\*?)\Z")


def parse_parameters(raw: bytes) -> tuple[str, dict[str, str]]:
    """Split a structured value into its token and its parameters; never raises.

    Returns:
        The token in lower case ("" where empty) and parameters by lower-case name, continuations
        joined and charsets decoded; of repeated parameters the first counts.
    """
    raw = raw[:_VALUE_CAP]
    token, _, rest = raw.partition(b";")
    rest = rest.lstrip(b"; \t\r\n")
    kind = token.strip().lower().decode("latin-1")
    if not rest:
        return kind, {}
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    position = 0
    for _ in range(_PARAMETER_CAP):
        match = _PARAMETER.match(rest, position)
        if match is None:
            if position >= len(rest):
                break
            position = _SKIP.match(rest, position).end()  # type: ignore[union-attr]
            continue
        position = match.end()
        _keep(plain, pieces, match)
    for name, parts in pieces.items():
        plain[name] = _join(parts)
    return kind, plain


def _keep(
    plain: dict[str, str],
    pieces: dict[str, dict[int, tuple[bytes, bool]]],
    match: re.Match[bytes],
) -> None:
    name = match[1].lower().decode("latin-1")
    value = _ESCAPE.sub(rb"\1", match[2]) if match[2] is not None else match[3].strip()
    if "*" not in name:
        plain.setdefault(name, _plain_text(value))
    elif continued := _CONTINUED.match(name):
        piece = (value, continued[3] == "*")
        pieces.setdefault(continued[1], {}).setdefault(int(continued[2]), piece)
    else:
        pieces.setdefault(name.rstrip("*"), {}).setdefault(0, (value, True))


def _plain_text(value: bytes) -> str:
    text = value.decode("ascii") if value.isascii() else decode_undeclared(value)
    return decode_words(text) if "=?" in text else text


def _join(parts: dict[int, tuple[bytes, bool]]) -> str:
    """Join continuations in the order of their numbers, then decode the whole."""
    charset, data = "", b""
    for index, number in enumerate(sorted(parts)):
        value, encoded = parts[number]
        if encoded and index == 0 and value.count(b"'") >= 2:
            name, _, value = value.partition(b"'")
            charset, value = name.decode("latin-1"), value.partition(b"'")[2]
        data += unquote_to_bytes(value) if encoded else value
    if charset:
        return decode_bytes(data, charset)[0]
    return _plain_text(data)
