"""Addresses that belong to a function instead of a person."""

import re

from mailcrm.records.addresses import normalise_address

__all__ = ["is_role_address"]

# RFC 2142 and what is as common since; no maintained package ships such a list for Python.
# fmt: off
_ROLES = frozenset(
    {
        "abuse", "accounting", "accounts", "admin", "administrator", "alerts", "billing",
        "bookings", "careers", "contact", "customerservice", "donotreply", "enquiries",
        "feedback", "finance", "ftp", "hello", "help", "helpdesk", "hostmaster", "hr", "info",
        "inquiries", "invoice", "invoices", "jobs", "legal", "mail", "mailer-daemon",
        "marketing", "media", "newsletter", "noc", "no-reply", "noreply", "notification",
        "notifications", "office", "order", "orders", "postmaster", "press", "privacy",
        "purchasing", "receipts", "reception", "root", "sales", "security", "service",
        "services", "shop", "support", "team", "usenet", "uucp", "webmaster", "www",
    }
)
# fmt: on
_NO_REPLY = re.compile(r"^(?:do[-_.]?)?no[-_.]?t?[-_.]?reply(?:$|[-_.+\d])")


def is_role_address(address: str) -> bool:
    """Whether the local part, without a plus tag, names a function such as `info` or `noreply`."""
    local = normalise_address(address).rpartition("@")[0].partition("+")[0]
    return local in _ROLES or _NO_REPLY.match(local) is not None
