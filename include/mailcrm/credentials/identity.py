"""What a mailbox claims to be, against what its own test message arrived as."""

from dataclasses import dataclass

__all__ = ["ArrivedIdentity", "compare_identity"]


@dataclass(frozen=True, slots=True)
class ArrivedIdentity:
    """How a test message arrived; "" where a header is missing.

    `auth_result` is what a trusted server reports: pass, fail, or None where none said anything.
    """

    from_address: str
    from_name: str
    return_path: str
    reply_to: str
    auth_result: str | None


def compare_identity(
    arrived: ArrivedIdentity, address: str, display_name: str
) -> tuple[tuple[str, str, str], ...]:
    """The fields that differ, each as (field, expected, got); empty where all is as claimed.

    Addresses are compared without regard to case. A missing Return-Path or Reply-To says
    nothing, and neither does a server's silence; a reported failure differs.
    """
    differing = []
    for field, got in (
        ("From", arrived.from_address),
        ("Return-Path", arrived.return_path),
        ("Reply-To", arrived.reply_to),
    ):
        may_be_missing = field != "From"
        if got.lower() != address.lower() and not (may_be_missing and not got):
            differing.append((field, address, got))
    if arrived.from_name != display_name:
        differing.append(("display name", display_name, arrived.from_name))
    if arrived.auth_result == "fail":
        differing.append(("Authentication-Results", "pass", "fail"))
    return tuple(differing)
