"""Listing and opening folders; names that do not decode stay usable.

RFC 9051 calls a folder a mailbox.
"""

from typing import Any, Final

from mailcrm.adapters.imap.answers import explain_refusal
from mailcrm.adapters.imap.connection import ImapConnection
from mailcrm.adapters.imap.folder_names import MAX_NAME_BYTES, decode_name, encode_name, quote
from mailcrm.adapters.imap.lines import MalformedLineError, parse_list_line
from mailcrm.adapters.imap.words import Reply
from mailcrm.errors import FolderMissingError
from mailcrm.records import FolderEntry, FolderStatus

__all__ = ["FolderDirectory"]

_UNSELECTABLE: Final = frozenset({"\\noselect", "\\nonexistent"})
_SPECIAL_USE: Final = frozenset(
    {"\\all", "\\archive", "\\drafts", "\\flagged", "\\important", "\\junk", "\\sent", "\\trash"}
)
_MAX_UIDVALIDITY: Final = 4_294_967_295
_WANTS_ID: Final = "unsafe login"


class FolderDirectory:
    """What one session knows of the server's folders."""

    def __init__(self, connection: ImapConnection) -> None:
        """Send ID where the server knows it: some let only clients that did open a folder."""
        self._connection = connection
        self._imap = connection.imap
        self._mailbox = connection.mailbox
        self._raw_names: dict[str, bytes] | None = None
        self._has_sent_id = False
        if connection.offers("ID"):
            self._send_id()

    def list_folders(self) -> list[FolderEntry]:
        """All folders, in the server's order, each name once.

        Raises:
            ServerRefusedError, ServerUnreachableError, ThrottledError
        """
        entries = self._list(b'"" "*"')
        special = any(entry.attributes & _SPECIAL_USE for entry, _ in entries)
        if not special and self._connection.offers("SPECIAL-USE"):
            marked = self._list(b'"" "*" RETURN (SPECIAL-USE)', is_optional=True)
            # Some servers list only the marked folders then, so this never replaces the list.
            marks = {raw: entry for entry, raw in marked}
            entries = [(marks.get(raw, entry), raw) for entry, raw in entries]
        found: dict[str, FolderEntry] = {}
        self._raw_names = {}
        for entry, raw in entries:
            if entry.name not in found:
                found[entry.name] = entry
                self._raw_names[entry.name] = raw
        return list(found.values())

    def examine(self, folder: str) -> FolderStatus:
        """Open a folder read-only.

        Raises:
            FolderMissingError: the server does not list it.
            ServerRefusedError, ServerUnreachableError, ThrottledError
        """
        raw = self._listed_raw(folder) or encode_name(folder)
        if raw is None:
            raise FolderMissingError(mailbox_id=self._mailbox.id, folder=folder)
        reply = self._examine(raw)
        if not reply.is_ok and _WANTS_ID in reply.text.lower() and not self._has_sent_id:
            self._send_id()
            reply = self._examine(raw)
        if not reply.is_ok and self._raw_names is None:
            # The name may be one that does not decode: then only its bytes open it.
            self.list_folders()
            listed = self._listed_raw(folder)
            if listed is not None and listed != raw:
                reply = self._examine(listed)
        if reply.is_ok:
            return self._read_status(folder)
        if reply.code == "NONEXISTENT" or self._listed_raw(folder) is None:
            raise FolderMissingError(mailbox_id=self._mailbox.id, folder=folder)
        raise explain_refusal(self._mailbox, "folders", "EXAMINE", reply)

    def _listed_raw(self, folder: str) -> bytes | None:
        return None if self._raw_names is None else self._raw_names.get(folder)

    def _send_id(self) -> None:
        self._connection.send_id()
        self._has_sent_id = True

    def _list(self, args: bytes, is_optional: bool = False) -> list[tuple[FolderEntry, bytes]]:
        self._imap.take("LIST")
        reply = self._imap.execute("LIST", args)
        lines = self._imap.take("LIST")
        if not reply.is_ok and not is_optional:
            raise explain_refusal(self._mailbox, "folders", "LIST", reply)
        entries = (_read_entry(line) for line in lines)
        return [entry for entry in entries if entry is not None]

    def _examine(self, raw: bytes) -> Reply:
        self._imap.untagged_responses.clear()
        self._imap.state = "AUTH"  # a failed EXAMINE leaves no folder open (RFC 9051 §6.3.2)
        self._imap.is_readonly = True
        reply = self._imap.execute("EXAMINE", quote(raw))
        if reply.is_ok:
            self._imap.state = "SELECTED"
        return reply

    def _read_status(self, folder: str) -> FolderStatus:
        return FolderStatus(
            name=folder,
            uidvalidity=self._number("UIDVALIDITY", _MAX_UIDVALIDITY),
            uidnext=self._number("UIDNEXT", _MAX_UIDVALIDITY),
            exists=self._number("EXISTS", _MAX_UIDVALIDITY) or 0,
            highestmodseq=self._number("HIGHESTMODSEQ", 2**63 - 1),
        )

    def _number(self, kind: str, largest: int) -> int | None:
        values: list[Any] = self._imap.take(kind)
        if not values or not values[-1].isdigit() or len(values[-1]) > 19:
            return None
        number = int(values[-1])
        return number if number <= largest else None


def _read_entry(line: Any) -> tuple[FolderEntry, bytes] | None:
    """One LIST line; None where it follows no grammar or its name is beyond reason."""
    try:
        flags, raw = parse_list_line(line)
    except MalformedLineError:
        return None
    if not raw or len(raw) > MAX_NAME_BYTES:
        return None
    attributes = frozenset(flag.decode("ascii", "backslashreplace").lower() for flag in flags)
    entry = FolderEntry(
        name=decode_name(raw),
        attributes=attributes,
        selectable=not attributes & _UNSELECTABLE,
    )
    return entry, raw
