"""When a server's answer is legal and still not to be believed at once."""

import datetime as dt
from collections.abc import Collection, Mapping

from mailcrm.records import FolderStatus, LedgerEntry, LedgerState, SearchCriteria, Window

# Yahoo offers the newest 10,000 messages of a folder, Gmail as many as a setting of its own says
# (1,000 to 10,000), other gateways 100,000.
SUSPICIOUS_SIZES = frozenset({1_000, 2_000, 5_000, 10_000, 100_000})
MASS_COUNT = 100
MASS_SHARE = 0.2
MASS_MIN = 5


def is_mass_vanishing(gone: int, known: int) -> bool:
    """Whether so many known messages left at once that an outage is likelier than a clean-up.

    More than 100, or more than a fifth of those known (and at least 5).
    """
    return gone > MASS_COUNT or (gone >= MASS_MIN and gone > MASS_SHARE * known)


def plan_missing(
    uids: Collection[int], known: Mapping[int, LedgerEntry], window: Window
) -> list[int]:
    """Published uids inside the window that a listing left out, ascending."""
    listed = frozenset(uids)
    kept = (LedgerState.PUBLISHED, LedgerState.DUPLICATE)
    return sorted(
        entry.uid
        for entry in known.values()
        if entry.state in kept
        and entry.uid not in listed
        and entry.internaldate is not None
        and window.contains(entry.internaldate)
    )


def plan_doubted(
    uids: Collection[int], known: Mapping[int, LedgerEntry], criteria: SearchCriteria
) -> list[int]:
    """Uids that a date search found although the ledger dates them far outside, ascending.

    One of the two is wrong: the search goes by another date, or the date was once read wrong. A
    day's difference is none, since a search goes by the day in the server's own zone.
    """
    if criteria.since is None:
        return []
    day = dt.timedelta(days=1)
    low = max(criteria.since, dt.date.min + day) - day
    high = min(criteria.before or dt.date.max, dt.date.max - day) + day
    return sorted(
        uid
        for uid in uids
        if (entry := known.get(uid)) is not None
        and entry.state is LedgerState.OUTSIDE
        and entry.internaldate is not None
        and not low <= entry.internaldate.date() <= high
    )


def find_hidden_mail(status: FolderStatus, known: str = "") -> str | None:
    """A note where the folder's size looks like a provider's limit on what IMAP shows.

    `known` is what is known of this provider, and ends the note.

    Source: Yahoo shows the newest 10,000 messages of a folder; Gmail's setting "Limit IMAP
    folders" starts at 1,000.
    """
    if status.exists not in SUSPICIOUS_SIZES:
        return None
    if status.uidnext is not None and status.uidnext <= status.exists + 1:
        return None
    return (
        f"folder {status.name!r}: exactly {status.exists} messages, fewer than it numbered; "
        f"{known or 'the provider may hide older mail from IMAP'}"
    )
