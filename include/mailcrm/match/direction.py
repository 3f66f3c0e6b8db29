"""Whether a message came in, went out, or stayed among us."""

from functools import lru_cache

from mailcrm.match.canonical import canonical_address
from mailcrm.records import ParsedMessage, Participant
from mailcrm.records.addresses import normalise_address

__all__ = ["decide_direction", "is_own"]


def decide_direction(parsed: ParsedMessage, own: frozenset[str]) -> str:
    """The direction of a message.

    Args:
        parsed: The message.
        own: Our addresses, lower-case.

    Returns:
        outbound where one of us is the first From, internal where moreover all recipients are us
        (and there is one), inbound otherwise.
    """
    sender = parsed.sender()
    if sender is None or not _is_us(sender, own):
        return "inbound"
    recipients = [p for p in parsed.participants if p.role in ("to", "cc", "bcc")]
    if recipients and all(_is_us(p, own) for p in recipients):
        return "internal"
    return "outbound"


def _is_us(participant: Participant, own: frozenset[str]) -> bool:
    return is_own(participant.address, own)


def is_own(address: str, own: frozenset[str]) -> bool:
    """Whether an address is one of ours, also with a plus tag or in another spelling."""
    plain = normalise_address(address)
    return plain in own or (bool(plain) and canonical_address(plain).address in _inboxes(own))


@lru_cache(maxsize=64)
def _inboxes(own: frozenset[str]) -> frozenset[str]:
    return frozenset(canonical_address(address).address for address in own)
