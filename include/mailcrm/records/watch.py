"""What a watcher of new mail knows and tells."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FolderMark", "NewMail", "find_news"]


@dataclass(frozen=True, slots=True)
class FolderMark:
    """How far a folder has come; None where the server does not say."""

    uidvalidity: int | None
    uidnext: int | None


@dataclass(frozen=True, slots=True)
class NewMail:
    """Something arrived: which mailbox, and in which of its folders."""

    mailbox_id: str
    folders: tuple[str, ...]


def find_news(
    known: Mapping[str, FolderMark] | None, found: Mapping[str, FolderMark]
) -> frozenset[str]:
    """The folders in which something may have arrived since `known`; all where nothing is known.

    A hint that starts a run, never proof: the run compares the whole listing with the ledger.
    """
    if known is None:
        return frozenset(found)
    return frozenset(name for name, mark in found.items() if _is_news(known.get(name), mark))


def _is_news(known: FolderMark | None, found: FolderMark) -> bool:
    if known is None or known.uidvalidity != found.uidvalidity:
        return True
    if known.uidnext is None or found.uidnext is None:
        return False  # only the count of messages can tell, and a session looks at that
    return found.uidnext > known.uidnext
