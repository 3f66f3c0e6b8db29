"""`WatchSession` over IMAP: EXAMINE, IDLE and STATUS, and nothing that reads or changes mail.

RFC 9051 calls a folder a mailbox. IDLE is RFC 2177.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final

from mailcrm.adapters.dial import connection_error
from mailcrm.adapters.imap.answers import explain_refusal
from mailcrm.adapters.imap.folder_names import decode_name, encode_name, quote
from mailcrm.adapters.imap.lines import MalformedLineError, parse_list_line
from mailcrm.adapters.watch.conversation import Conversation, quote_all
from mailcrm.adapters.watch.dialing import Dialer
from mailcrm.backfill import resolve_folders
from mailcrm.errors import FolderMissingError
from mailcrm.records import Credential, Direction, Encryption, FolderEntry, Mailbox
from mailcrm.records.watch import FolderMark
from mailcrm.settings import Settings

__all__ = ["ImapWatchSession", "open_watch_session"]

logger = logging.getLogger(__name__)

_ANSWER_TIMEOUT_S: Final = 60.0
_IDLE_BUDGET_BYTES: Final = 4 * 1024 * 1024
_LIST_BUDGET_BYTES: Final = 4 * 1024 * 1024
_LONGEST_IDLE_S: Final = 28 * 60.0
# More folders than this are left to the safety net: each costs a command now and then.
MAX_ASKED_FOLDERS: Final = 20
_UNSELECTABLE: Final = frozenset({"\\noselect", "\\nonexistent"})
_NUMBER: Final = re.compile(rb"\b(UIDNEXT|UIDVALIDITY) (\d{1,10})\b", re.IGNORECASE)


class ImapWatchSession:
    """One logged-in connection; see `ports.WatchSession`."""

    def __init__(
        self, talk: Conversation, folders: Sequence[tuple[str, bytes]], has_idle: bool
    ) -> None:
        """`folders` are names with their wire form; of the first the server tells by itself."""
        self._talk = talk
        self._folders = list(folders)
        self._has_idle = has_idle
        self._open: str = ""
        self._is_woken = False

    @property
    def has_idle(self) -> bool:
        """See `WatchSession`."""
        return self._has_idle

    @property
    def open_folder(self) -> str:
        """See `WatchSession`."""
        return self._open

    async def read_marks(self) -> Mapping[str, FolderMark]:
        """See `WatchSession`."""
        marks: dict[str, FolderMark] = {}
        if self._has_idle:
            marks.update(await self._open_first())
        for name, raw in list(self._folders)[:MAX_ASKED_FOLDERS]:
            if name != self._open:
                marks.update(await self._ask_status(name, raw))
        if not marks:
            raise FolderMissingError(mailbox_id=self._talk.mailbox.id, folder="all that are named")
        return marks

    async def wait(self, timeout_s: float, until_news: bool) -> bool:
        """See `WatchSession`; IDLE is left before anything else is said."""
        talk = self._talk

        def is_over() -> bool:
            return self._is_woken or (until_news and talk.has_grown) or talk.reply is not None

        try:
            if not self._has_idle or self._is_woken:
                talk.reply = None
                await talk.wire.until(is_over, timeout_s)
                return False
            if until_news and talk.has_grown:
                return True
            talk.begin("IDLE", budget_bytes=_IDLE_BUDGET_BYTES)
            if not await talk.wait_continuation("IDLE"):
                self._give_up_idle()
                return False
            await talk.wire.until(is_over, min(timeout_s, _LONGEST_IDLE_S))
            if talk.reply is None:
                talk.wire.send(b"DONE\r\n")
                await talk.finish("IDLE")
            return talk.has_grown
        finally:
            self._is_woken = False

    def wake(self) -> None:
        """See `WatchSession`."""
        self._is_woken = True
        self._talk.wire.notify()

    async def close(self) -> None:
        """See `WatchSession`; the answer to LOGOUT is not waited for."""
        if self._talk.wire.failure is None:
            self._talk.begin("LOGOUT")
        self._talk.wire.close()

    async def _open_first(self) -> Mapping[str, FolderMark]:
        """Open the first folder that is there, read-only; folders that are gone are left out."""
        talk = self._talk
        while self._folders:
            name, raw = self._folders[0]
            talk.exists, talk.has_grown = None, False
            talk.numbers.clear()
            reply = await talk.ask("EXAMINE", quote(raw))
            if reply.is_ok:
                self._open = name
                marks = FolderMark(talk.numbers.get("UIDVALIDITY"), talk.numbers.get("UIDNEXT"))
                return {name: marks}
            if reply.code != "NONEXISTENT" and "exist" not in reply.text.lower():
                raise explain_refusal(talk.mailbox, "folders", "EXAMINE", reply)
            self._drop(name)
        self._open = ""
        return {}

    async def _ask_status(self, name: str, raw: bytes) -> Mapping[str, FolderMark]:
        talk = self._talk
        talk.status = b""
        reply = await talk.ask("STATUS", quote(raw), b"(UIDNEXT UIDVALIDITY)")
        if not reply.is_ok:
            self._drop(name)
            return {}
        _, _, values = talk.status.rpartition(b"(")
        numbers = {key.upper(): int(value) for key, value in _NUMBER.findall(values)}
        return {name: FolderMark(numbers.get(b"UIDVALIDITY"), numbers.get(b"UIDNEXT"))}

    def _drop(self, name: str) -> None:
        self._folders = [one for one in self._folders if one[0] != name]
        logger.warning(
            "watch.folder_missing mailbox=%s left=%d", self._talk.mailbox.id, len(self._folders)
        )

    def _give_up_idle(self) -> None:
        logger.info("watch.idle_refused mailbox=%s", self._talk.mailbox.id)
        self._has_idle = False
        self._open = ""


async def open_watch_session(
    mailbox: Mailbox, credential: Credential, settings: Settings, dialer: Dialer
) -> ImapWatchSession:
    """Connect, protect, log in once, and find the folders.

    Raises:
        ImapCredentialError, ServerUnreachableError, ThrottledError, ServerRefusedError,
        UnsafeConnectionError, FolderMissingError, SettingsError
    """
    talk = Conversation(mailbox, min(_ANSWER_TIMEOUT_S, settings.command_timeout_s))
    wire = talk.wire
    try:
        await dialer.connect(mailbox, wire)
        await talk.greet(settings.greeting_timeout_s)
        if mailbox.imap.encryption is Encryption.STARTTLS:
            await _start_tls(talk, dialer)
        await talk.read_capabilities()
        reply = await talk.log_in(credential)
        if not reply.is_ok:
            raise explain_refusal(mailbox, "authenticate", "LOGIN", reply)
        return await _prepare(talk, settings)
    except asyncio.CancelledError:
        wire.abort()
        raise
    except Exception:
        wire.close()
        raise


async def _prepare(talk: Conversation, settings: Settings) -> ImapWatchSession:
    before = talk.capabilities
    await talk.ask("CAPABILITY")
    if "ID" in talk.capabilities:
        await talk.ask("ID", quote_all(("name", "mailcrm")))
    unused = {name.strip().upper() for name in (settings.imap_without or "").split(",")}
    has_idle = "IDLE" in (talk.capabilities or before) - unused
    folders = await _find_folders(talk)
    if not folders:
        names = ", ".join(talk.mailbox.folders)[:100]
        raise FolderMissingError(mailbox_id=talk.mailbox.id, folder=names)
    return ImapWatchSession(talk, folders, has_idle)


async def _start_tls(talk: Conversation, dialer: Dialer) -> None:
    """Encrypt; nothing that the server said in plain text is remembered afterwards.

    Source: RFC 9051 §11.1.
    """
    endpoint = talk.mailbox.imap
    await talk.read_capabilities()
    if "STARTTLS" not in talk.capabilities:
        raise connection_error(Direction.IMAP, endpoint, "starttls_missing")
    if not (await talk.ask("STARTTLS")).is_ok:
        raise connection_error(Direction.IMAP, endpoint, "starttls_refused")
    if talk.wire.has_leftovers or talk.has_extra:
        raise connection_error(Direction.IMAP, endpoint, "injected")
    await talk.wire.start_tls(dialer.context(talk.mailbox.tls), talk.mailbox.tls)
    talk.capabilities = frozenset()
    talk.numbers.clear()


async def _find_folders(talk: Conversation) -> list[tuple[str, bytes]]:
    """The configured folders with their wire names, INBOX first; those that are gone are left out.

    The list of folders is only asked for where something else than INBOX is watched.
    """
    wanted = talk.mailbox.folders or ("INBOX",)
    if all(name.upper() == "INBOX" for name in wanted):
        return [("INBOX", b"INBOX")]
    talk.listed.clear()
    await talk.ask("LIST", b'"" "*"', budget_bytes=_LIST_BUDGET_BYTES)
    raws: dict[str, bytes] = {}
    entries: list[FolderEntry] = []
    for line in talk.listed:
        try:
            flags, raw = parse_list_line(line)
        except MalformedLineError:
            continue
        attributes = frozenset(flag.decode("ascii", "backslashreplace").lower() for flag in flags)
        name = decode_name(raw)
        raws.setdefault(name, raw)
        entries.append(FolderEntry(name, attributes, not attributes & _UNSELECTABLE))
    talk.listed.clear()
    found, missing = resolve_folders(wanted, entries)
    if missing:
        logger.warning("watch.folder_missing mailbox=%s missing=%d", talk.mailbox.id, len(missing))
    names = sorted(found, key=lambda name: name != "INBOX")
    return [(name, raws.get(name) or encode_name(name) or b"") for name in names]
