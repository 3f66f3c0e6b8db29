"""Reading messages off a server that refuses some of them, or leaves some out."""

from collections.abc import Sequence

from mailcrm.errors import ServerRefusedError
from mailcrm.ports import MailReader
from mailcrm.records import FetchedMessage, SearchCriteria

__all__ = ["read_messages", "search_again"]


def read_messages(
    reader: MailReader, uids: Sequence[int], cap_bytes: int, refused: dict[int, str]
) -> list[FetchedMessage]:
    """One FETCH; a refused one is halved until the uid that the server refuses stands alone.

    Args:
        reader: The folder is open.
        uids: What to read.
        cap_bytes: Where a message is cut.
        refused: Gets the server's words about each uid that it refuses.
    """
    try:
        return list(reader.fetch_messages(uids, cap_bytes))
    except ServerRefusedError as error:
        if len(uids) == 1:
            refused[uids[0]] = str(error)
            return []
    half = len(uids) // 2
    found = read_messages(reader, uids[:half], cap_bytes, refused)
    return found + read_messages(reader, uids[half:], cap_bytes, refused)


def search_again(reader: MailReader, uids: Sequence[int]) -> set[int]:
    """Those of the uids that a search still finds: FETCH leaves lines out, and so proves little."""
    if not uids:
        return set()
    criteria = SearchCriteria(None, None, min(uids), max(uids))
    try:
        return set(reader.search_uids(criteria)).intersection(uids)
    except ServerRefusedError:
        return set(uids)
