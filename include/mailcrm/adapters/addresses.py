"""Which texts of files and settings are addresses and host names.

An address is checked for its form only, by what mail systems deliver, not by what RFC 5322 wishes:
addresses such as `a..b@docomo.example` are in people's CRMs, and a check that refuses them
refuses the person. (`email-validator` refuses them, and `.local` domains too.)
"""

import ipaddress
import re

__all__ = ["check_address", "check_domain", "check_host"]

MAX_ADDRESS_CHARS = 254
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
# Blanks, controls, and what would end or begin another address in a header.
_BAD_LOCAL = re.compile(r"[\s\x00-\x20\x7f-\x9f<>()\[\],;:\\\"@\u200b-\u200f\u2028-\u202e\ufeff]")


def check_address(text: str) -> str:
    """An addr-spec as given, with its domain in lower case and as A-labels.

    Raises:
        ValueError: what is wrong, without the text itself.
    """
    text = text.strip()
    if "," in text or ";" in text:
        raise ValueError("holds several addresses")
    if "<" in text or ">" in text:
        raise ValueError("must be a bare address, without a name and <>")
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("is not an address (local@domain)")
    if _BAD_LOCAL.search(local):
        raise ValueError("is not an address: a character that does not belong before the @")
    if len(text) > MAX_ADDRESS_CHARS:
        raise ValueError(f"is longer than {MAX_ADDRESS_CHARS} characters")
    try:
        return f"{local}@{_check_name(domain)}"
    except ValueError:
        raise ValueError("is not an address: no domain can be called that") from None


def check_host(text: str) -> str:
    """A host name (as A-labels, lower case) or an IP address.

    Raises:
        ValueError: what is wrong, without the text itself.
    """
    text = text.strip()
    if "://" in text:
        raise ValueError("must be a host name, without imap:// or the like")
    if "@" in text:
        raise ValueError("must be a host name only; usernames belong into the connection")
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    if ":" in text or "/" in text:
        raise ValueError("must be a host name only; the port has a field of its own")
    return _check_name(text)


def check_domain(text: str) -> str:
    """A mail domain, as A-labels, lower case.

    Raises:
        ValueError: what is wrong, without the text itself.
    """
    if "@" in text:
        raise ValueError("must be a domain, without a local part and @")
    return _check_name(text.strip())


def _check_name(name: str) -> str:
    name = name.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError("is not a host name") from None
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("is not a host name")
    return name
