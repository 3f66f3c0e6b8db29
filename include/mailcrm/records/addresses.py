"""Addresses in the form in which two of them are compared, and who wrote through a list."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from mailcrm.records.message import Participant

__all__ = ["SenderView", "is_list_address", "normalise_address", "view_sender"]

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_VIA = re.compile(r"\s+(?:via|über|por|par)\s+\S", re.IGNORECASE)
_LIST_SUFFIXES = ("-bounces", "-owner", "-request", "-admin", "+owner", "+bounces")


@dataclass(frozen=True, slots=True)
class SenderView:
    """Who wrote a message.

    `author` is the participant to judge, None where a list hid him; `is_rewritten` says that a
    list put its own address into From; `is_via` that the display name speaks of a relay and the
    author is only claimed by Reply-To.
    """

    author: Participant | None
    is_rewritten: bool = False
    is_via: bool = False


@lru_cache(maxsize=65536)
def normalise_address(address: str) -> str:
    """The form in which addresses are compared.

    Only ASCII letters are lower-cased, so that no other letter ever becomes one (the Kelvin sign
    is no k); the domain goes to A-labels (IDNA 2003 as in the standard library), without a
    trailing dot. An address without `@` comes back as it is, stripped and lower-cased.

    Source: RFC 5321 §2.4, RFC 5890 §2.3.2.1.
    """
    text = address.strip().translate(_ASCII_LOWER)
    local, at, domain = text.rpartition("@")
    if not at:
        return text
    domain = domain.rstrip(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return f"{local}@{domain}"
    return f"{local}@{domain}"


def is_list_address(address: str, list_id: str | None) -> bool:
    """Whether an address is the list's own, or one of its service addresses.

    Args:
        address: An addr-spec.
        list_id: The value of List-Id, with or without phrase and brackets; None: no list.

    Source: RFC 2919 §2: a list's id is commonly its address with `@` as a dot.
    """
    if not list_id:
        return False
    local, _, domain = normalise_address(address).rpartition("@")
    for suffix in _LIST_SUFFIXES:
        local = local.removesuffix(suffix)
    bare = list_id.rpartition("<")[2].rstrip("> ").strip().lower()
    return bool(local) and f"{local}.{domain}" == bare


def view_sender(participants: Iterable[Participant], list_id: str | None) -> SenderView:
    """Undo what lists do to From, by Reply-To.

    Where From is the list's own address, the author is the one Reply-To that is not the list's;
    among several, the one whose name From's display name begins with. Where nobody else owns the
    From but its name says `X via Y`, the same is offered as a claim (`is_via`).
    """
    everyone = tuple(participants)
    sender = next((p for p in everyone if p.role == "from"), None)
    if sender is None:
        return SenderView(None)
    is_list = is_list_address(sender.address, list_id)
    is_via = not is_list and _VIA.search(sender.display_name) is not None
    if not (is_list or is_via):
        return SenderView(sender)
    author = _reply_author(everyone, sender, list_id)
    if is_list:
        return SenderView(author, is_rewritten=True)
    return SenderView(author, is_via=True) if author else SenderView(sender)


def _reply_author(
    everyone: tuple[Participant, ...], sender: Participant, list_id: str | None
) -> Participant | None:
    own = normalise_address(sender.address)
    replies = {
        normalise_address(p.address): p
        for p in everyone
        if p.role == "reply_to" and p.address and not is_list_address(p.address, list_id)
    }
    replies.pop(own, None)
    name = _VIA.split(sender.display_name)[0].strip().strip("'\"")
    if len(replies) > 1:
        named = [p for p in replies.values() if name and p.display_name.strip() == name]
        if len(named) != 1:
            return None
        replies = {named[0].address: named[0]}
    for reply in replies.values():
        return Participant("from", sender.position, reply.address, reply.display_name or name)
    return None
