"""What trusted servers said about the sender (RFC 8601)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailcrm.match.domains import registrable_domain

__all__ = ["read_auth_result"]

_METHOD = re.compile(r"^([a-z][a-z0-9-]*)(?:/\d+)?\s*=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"\b((?:header|smtp)\.[a-z]+)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_SERVER = re.compile(r"^\s*\"?([^\s;\"/]+)\"?")
_MAX_CHARS = 16_384
_SUBJECTS = {  # the properties that say what a method's result is about
    "dkim": ("header.d", "header.i"),
    "spf": ("smtp.mailfrom",),
    "dmarc": ("header.from",),
}
_FAILS = frozenset({"fail", "hardfail"})


@dataclass(frozen=True, slots=True)
class _Verdict:
    """One method's result, such as dkim=pass, with the domain that it is about ("" unknown)."""

    method: str
    result: str
    domain: str


def read_auth_result(
    auth_results: Sequence[str],
    trusted_authserv_ids: Sequence[str],
    from_domain: str = "",
) -> str | None:
    """Whether a server that the mailbox trusts vouches for the sender.

    Only headers whose authserv-id is one of the trusted ones count, all others may be the
    sender's own work. A failure counts wherever a trusted server reports it, a pass only in the
    topmost trusted header, as lower ones may have been there before. DMARC's verdict wins; without
    one, SPF or DKIM pass only for a domain aligned with From.

    Args:
        auth_results: Values of Authentication-Results, topmost first.
        trusted_authserv_ids: Servers whose word counts; empty: nobody's.
        from_domain: The domain of From; "": no alignment can be shown, so only DMARC passes.

    Returns:
        "pass", "fail", or None where nobody trusted said anything that counts.

    Source: RFC 8601 §5 and §7.1, RFC 7489 §3.1.
    """
    trusted = {one.strip().lower() for one in trusted_authserv_ids} - {""}
    blocks = [
        tuple(_read_verdicts(text))
        for text in map(_strip_comments, auth_results)
        if _server_of(text) in trusted
    ]
    if not blocks:
        return None
    everything = [one for block in blocks for one in block]
    if any(one.method in ("dmarc", "compauth") and one.result in _FAILS for one in everything):
        return "fail"
    if any(_is_dmarc_pass(one, from_domain) for one in blocks[0]):
        return "pass"
    if any(_is_aligned_pass(one, from_domain) for one in blocks[0]):
        return "pass"
    is_failing = any(one.method in ("spf", "dkim") and one.result in _FAILS for one in everything)
    return "fail" if is_failing else None


def _is_dmarc_pass(verdict: _Verdict, from_domain: str) -> bool:
    if verdict.method != "dmarc" or verdict.result != "pass":
        return False
    return not (verdict.domain and from_domain) or _are_aligned(verdict.domain, from_domain)


def _are_aligned(one: str, two: str) -> bool:
    return registrable_domain(one) == registrable_domain(two)


def _is_aligned_pass(verdict: _Verdict, from_domain: str) -> bool:
    if verdict.method not in ("spf", "dkim") or verdict.result != "pass":
        return False
    return bool(verdict.domain and from_domain) and _are_aligned(verdict.domain, from_domain)


def _server_of(text: str) -> str:
    match = _SERVER.match(text.partition(";")[0])
    return match.group(1).lower() if match else ""


def _read_verdicts(text: str) -> Iterator[_Verdict]:
    for part in _split(text)[1:]:
        match = _METHOD.match(part.strip())
        if match is None:
            continue
        method, result = match.group(1).lower(), match.group(2).lower()
        properties = {k.lower(): v.lower() for k, v in _PROPERTY.findall(part)}
        found = next((properties[n] for n in _SUBJECTS.get(method, ()) if n in properties), "")
        yield _Verdict(method, result, found.rpartition("@")[2].strip("<>"))


def _split(text: str) -> list[str]:
    """Split at semicolons outside quoted strings."""
    parts: list[str] = []
    current: list[str] = []
    is_quoted = False
    for character in text:
        if character == '"':
            is_quoted = not is_quoted
        if character == ";" and not is_quoted:
            parts.append("".join(current))
            current = []
        else:
            current.append(character)
    return [*parts, "".join(current)]


def _strip_comments(text: str) -> str:
    """Drop RFC 5322 comments, nested ones too; quoted strings are left alone."""
    kept: list[str] = []
    depth, is_quoted, is_escaped = 0, False, False
    for character in text[:_MAX_CHARS]:
        if is_escaped:
            is_escaped = False
        elif character == "\\" and (depth or is_quoted):
            is_escaped = True
        elif character == '"' and not depth:
            is_quoted = not is_quoted
        elif character == "(" and not is_quoted:
            depth += 1
            kept.append(" ")
            continue
        elif character == ")" and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(character)
    return "".join(kept)
