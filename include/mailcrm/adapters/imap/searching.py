"""Finding uids: by the server's search where it can be trusted, else by asking each message."""

import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from mailcrm.adapters.imap.answers import explain_refusal
from mailcrm.adapters.imap.connection import ImapConnection
from mailcrm.adapters.imap.dates import format_search_date
from mailcrm.adapters.imap.lines import MalformedLineError, parse_fetch_line, read_uid
from mailcrm.adapters.imap.rows import (
    ANY_UID,
    Values,
    date_fits,
    is_in_range,
    read_date,
    read_search,
)
from mailcrm.adapters.imap.uid_sets import plan_uid_sets
from mailcrm.adapters.imap.words import Reply
from mailcrm.errors import ServerRefusedError
from mailcrm.records import SearchCriteria

__all__ = ["ImapSearches", "read_esearch"]

_ESEARCH_ALL: Final = re.compile(rb"\bALL ([0-9:,]+)", re.I)
_ESEARCH_COUNT: Final = re.compile(rb"\bCOUNT (\d{1,10})\b", re.I)


class ImapSearches:
    """The searching half of `ImapReader`."""

    def __init__(self, connection: ImapConnection) -> None:
        self._connection = connection
        self._imap = connection.imap
        self._mailbox = connection.mailbox
        self._exists = 0

    def search_uids(self, criteria: SearchCriteria) -> Sequence[int]:
        """See `MailReader`.

        Always inside a uid range: some servers answer a broad search with other numbers. Where
        the server refuses to search, leaves the answer out or says something else, the same
        question is asked of the messages themselves.

        Raises:
            ServerRefusedError, ServerUnreachableError, ThrottledError
        """
        if criteria.uid_high is not None and criteria.uid_high < criteria.uid_low:
            return []
        words = " ".join([_spell_range(criteria), *_spell_dates(criteria)])
        uids = self._search_compressed(words) if self._connection.offers("ESEARCH") else None
        if uids is None:
            uids = self._search_plain(words)
        if uids is None:
            return self.enumerate_uids(criteria)
        return sorted(uid for uid in uids if is_in_range(uid, criteria))

    def count_outside(self, criteria: SearchCriteria) -> int:
        """See `MailReader`."""
        dates = _spell_dates(criteria)
        if not dates:
            return 0
        words = f"{_spell_range(criteria)} NOT ({' '.join(dates)})"
        if self._connection.offers("ESEARCH"):
            reply, text = self._esearch("COUNT", words)
            match = _ESEARCH_COUNT.search(text)
            if reply.is_ok and match is not None:
                return int(match.group(1))
        return len([uid for uid in self._search_plain(words) or () if is_in_range(uid, criteria)])

    def enumerate_uids(self, criteria: SearchCriteria) -> Sequence[int]:
        """See `MailReader`."""
        spelled = _spell_range(criteria).removeprefix("UID ")
        if not self._imap_exists():
            return []
        reply, rows = self._fetch(b"UID", spelled, b"(UID INTERNALDATE)")
        if not reply.is_ok:
            self._refuse("UID FETCH", reply)
        uids: set[int] = set()
        for _, values in rows:
            uid = read_uid(values, ANY_UID)
            if uid is None or b"INTERNALDATE" not in values or not is_in_range(uid, criteria):
                continue
            if date_fits(read_date(values), criteria):
                uids.add(uid)
        return sorted(uids)

    def uid_anchors(self, step: int) -> Sequence[int]:
        """See `MailReader`."""
        numbers = range(1, self._imap_exists() + 1, step)
        found: set[int] = set()
        for spelled, asked in plan_uid_sets(numbers):
            reply, rows = self._fetch(b"FETCH", spelled, b"(UID)")
            if not reply.is_ok:
                self._refuse("FETCH", reply)
            for number, values in rows:
                uid = read_uid(values, ANY_UID)
                if number in asked and uid is not None:
                    found.add(uid)
        return sorted(found)

    def _search_plain(self, words: str) -> list[int] | None:
        """A SEARCH as every server knows it; None where its answer cannot be read."""
        self._imap.take("SEARCH")
        reply = self._imap.execute("UID", b"SEARCH", words.encode())
        uids = read_search(self._imap.take("SEARCH"))
        if not reply.is_ok:
            self._raise_if_throttled("UID SEARCH", reply)
            return None
        return [] if uids is None and not self._imap_exists() else uids

    def _search_compressed(self, words: str) -> list[int] | None:
        """A SEARCH whose answer spells ranges (RFC 4731); None where it cannot be read."""
        reply, text = self._esearch("ALL", words)
        if not reply.is_ok or not text:
            return None
        return read_esearch(text, self._imap_exists())

    def _esearch(self, wanted: str, words: str) -> tuple[Reply, bytes]:
        self._imap.take("ESEARCH")
        reply = self._imap.execute("UID", b"SEARCH", f"RETURN ({wanted}) {words}".encode())
        lines = self._imap.take("ESEARCH")
        text = b" ".join(part for line in lines for part in line if isinstance(part, bytes))
        return reply, text

    def _imap_exists(self) -> int:
        """Messages in the folder, as last told."""
        for value in self._imap.take("EXISTS"):
            self._exists = int(value) if value.isdigit() else self._exists
        return self._exists

    def _fetch(
        self, verb: bytes, spelled: str, items: bytes, budget_bytes: int | None = None
    ) -> tuple[Reply, list[tuple[int, Values]]]:
        """One FETCH (verb FETCH) or UID FETCH (verb UID); the rows that follow the grammar.

        Raises:
            ServerUnreachableError: a line with a literal is broken, so its borders are in doubt.
        """
        self._imap.take("FETCH")
        args = (
            (spelled.encode(), items) if verb == b"FETCH" else (b"FETCH", spelled.encode(), items)
        )
        options: dict[str, Any] = {} if budget_bytes is None else {"budget_bytes": budget_bytes}
        reply = self._imap.execute(verb.decode(), *args, **options)
        return reply, self._take_rows()

    def _take_rows(self) -> list[tuple[int, Values]]:
        """The FETCH lines that wait, where they follow the grammar."""
        rows: list[tuple[int, Values]] = []
        for number, *line in self._imap.take("FETCH"):
            try:
                rows.append((int(number), parse_fetch_line(tuple(line))))
            except (MalformedLineError, ValueError):
                if len(line) > 1:
                    self._imap.wire.fail("a FETCH line with a literal does not follow the grammar")
        return rows

    def _raise_if_throttled(self, command: str, reply: Reply) -> None:
        error = explain_refusal(self._mailbox, "", command, reply)
        if not isinstance(error, ServerRefusedError):
            raise error

    def _refuse(self, command: str, reply: Reply) -> NoReturn:
        raise explain_refusal(self._mailbox, "", command, reply)


def read_esearch(text: bytes, exists: int) -> list[int] | None:
    """The uids of an ESEARCH answer, ascending.

    Args:
        text: Everything after `* ESEARCH`, such as `(TAG "A1") UID ALL 1:5,9`.
        exists: Messages in the folder.

    Returns:
        None where the answer cannot be read, or stands for more uids than the folder holds
        messages. No ALL means that nothing was found.

    Source: RFC 4731 §3.1.
    """
    match = _ESEARCH_ALL.search(text)
    if match is None:
        return [] if text.rstrip().upper().endswith((b"UID", b")")) else None
    uids: set[int] = set()
    for word in match.group(1).split(b","):
        low, _, high = word.partition(b":")
        if not low.isdigit() or (high and not high.isdigit()):
            return None
        first, last = sorted((int(low), int(high or low)))
        if last - first >= exists - len(uids):
            return None
        uids.update(range(first, last + 1))
    return sorted(uids)


def _spell_range(criteria: SearchCriteria) -> str:
    high = "*" if criteria.uid_high is None else str(criteria.uid_high)
    return f"UID {criteria.uid_low}:{high}"


def _spell_dates(criteria: SearchCriteria) -> list[str]:
    words = []
    if criteria.since is not None:
        words.append(f"SINCE {format_search_date(criteria.since)}")
    if criteria.before is not None:
        words.append(f"BEFORE {format_search_date(criteria.before)}")
    return words
