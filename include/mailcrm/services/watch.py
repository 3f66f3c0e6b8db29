"""Watches one mailbox for new mail, for ever: connects, waits, tells, and comes back.

Never raises but for being cancelled: Airflow starts a trigger that ended again every other second,
for ever, and a wrong password would lock the account within minutes. What cannot be mended here
parks: no login is tried until the credential, the registry entry or the folder has changed.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final

from mailcrm.errors import ImapCredentialError, SettingsError
from mailcrm.ports.watch import WatchPorts, WatchSession
from mailcrm.records import Credential, Mailbox, MailboxState
from mailcrm.records.watch import FolderMark, NewMail, find_news
from mailcrm.services.watch_pause import Pause, plan_pause
from mailcrm.settings import Settings

__all__ = ["MailboxWatcher"]

logger = logging.getLogger(__name__)

# A session that lasted so long was none of the failures before it.
STEADY_S: Final = 60.0
# Airflow stores an event within a second or two; what was told is remembered only then.
SETTLE_S: Final = 10.0
# So often a parked watcher compares the credential with the refused one, without a login.
RECHECK_S: Final = 120.0
# A refusal that is not the credential's fault (access switched off, a policy) is tried again.
REFUSED_S: Final = 6 * 3600.0


class MailboxWatcher:
    """The watcher of one mailbox; `events` is endless."""

    def __init__(
        self,
        mailbox_id: str,
        ports: WatchPorts,
        settings: Settings,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`jitter` picks between two numbers."""
        self._id = mailbox_id
        self._ports = ports
        self._settings = settings
        self._jitter = jitter
        self._changed = asyncio.Event()
        self._session: WatchSession | None = None
        self._marks: Mapping[str, FolderMark] | None = None
        self._next_event_at = float("-inf")
        self._failures = 0
        self._said = ""
        self._refused: tuple[Credential, float] | None = None
        self._remembering: asyncio.Task[None] | None = None

    async def events(self) -> AsyncGenerator[NewMail, None]:
        """One event for mail that arrived, the first at once, then one a minute at most."""
        with self._ports.registry.subscribe(self._id, self._on_change):
            try:
                while True:
                    async with contextlib.aclosing(self._visit()) as visit:
                        async for event in visit:
                            yield event
            finally:
                if self._remembering is not None:
                    self._remembering.cancel()

    def _on_change(self) -> None:
        self._changed.set()
        self._refused = None
        if self._session is not None:
            self._session.wake()

    async def _visit(self) -> AsyncGenerator[NewMail, None]:
        """One connection, from dialling to its end, and the pause after it."""
        started = self._ports.clock.monotonic()
        self._changed.clear()
        problem: Exception | None = None
        try:
            session = await self._open()
            try:
                async with contextlib.aclosing(self._hold(session)) as events:
                    async for event in events:
                        yield event
            finally:
                self._session = None
                await session.close()
        except Exception as error:
            problem = error
        if problem is not None:
            if self._ports.clock.monotonic() - started > STEADY_S:
                self._failures = 0
            await self._stay_away(plan_pause(problem, self._failures, RECHECK_S))
            self._failures += 1

    async def _open(self) -> WatchSession:
        """Log in, unless this very credential was rejected before."""
        mailbox = await self._ports.registry.read_mailbox(self._id)
        if mailbox.state is not MailboxState.ACTIVE:
            raise SettingsError(where=f"mailbox {self._id}", problem=f"is {mailbox.state.value}")
        credential = await self._ports.credentials.read_credential(self._id)
        advice = await self._ports.logins.find_refusal(mailbox, credential)
        if advice is not None or self._was_refused(credential):
            reason = f"not tried again: {advice or 'the server refused it'}"
            raise ImapCredentialError(mailbox_id=self._id, reason=reason)
        async with self._ports.gate:
            return await self._log_in(mailbox, credential)

    def _was_refused(self, credential: Credential) -> bool:
        """Whether this process saw it refused, however the database is."""
        if self._refused is None:
            return False
        refused, until = self._refused
        return refused == credential and self._ports.clock.monotonic() < until

    async def _log_in(self, mailbox: Mailbox, credential: Credential) -> WatchSession:
        try:
            return await self._ports.servers.open_session(mailbox, credential)
        except ImapCredentialError as error:
            is_rejected = error.fields["is_rejected"]
            wait_s = float("inf") if is_rejected else REFUSED_S
            self._refused = credential, self._ports.clock.monotonic() + wait_s
            if is_rejected:
                await self._ports.logins.keep_refusal(mailbox, credential, error)
            raise

    async def _hold(self, session: WatchSession) -> AsyncGenerator[NewMail, None]:
        """Wait on one connection until the registry changes or the connection ends."""
        self._session = session
        marks = await session.read_marks()
        known = self._marks if self._marks is not None else await self._ports.memory.read_marks()
        news = set(find_news(known, marks))
        self._say("watching", f"idle={session.has_idle} folders={len(marks)}")
        while not self._changed.is_set():
            self._marks = marks
            now = self._ports.clock.monotonic()
            if news and now >= self._next_event_at:
                self._next_event_at = now + self._settings.watch_gap_s
                yield NewMail(self._id, tuple(sorted(news)))
                news.clear()
                self._remember(marks)
                continue
            arrived = await session.wait(self._longest_wait(session, bool(news)), not news)
            fresh = await session.read_marks()
            grown = set(find_news(marks, fresh))
            news |= grown or ({session.open_folder} if arrived else set())
            marks = fresh

    def _longest_wait(self, session: WatchSession, has_news: bool) -> float:
        """Until the connection is due for a renewal, or held-back news for telling."""
        settings = self._settings
        longest = settings.watch_renew_s if session.has_idle else settings.watch_poll_s
        longest *= self._jitter(0.9, 1.0)
        if has_news:
            longest = min(longest, self._next_event_at - self._ports.clock.monotonic())
        return max(0.0, longest)

    def _remember(self, marks: Mapping[str, FolderMark]) -> None:
        if self._remembering is not None:
            self._remembering.cancel()
        self._remembering = asyncio.get_running_loop().create_task(self._remember_later(marks))

    async def _remember_later(self, marks: Mapping[str, FolderMark]) -> None:
        await asyncio.sleep(SETTLE_S)
        await self._ports.memory.write_marks(marks)

    async def _stay_away(self, pause: Pause) -> None:
        word = "parked" if pause.is_parked else "away"
        self._say(word, f"reason={pause.reason}")
        seconds = pause.seconds * self._jitter(*pause.spread)
        await self._ports.clock.wait(self._changed, seconds)

    def _say(self, word: str, detail: str) -> None:
        """Log a change of what this watcher does, and not each of its attempts."""
        if f"{word} {detail}" == self._said:
            return
        self._said = f"{word} {detail}"
        level = logging.INFO if word == "watching" else logging.WARNING
        logger.log(level, "watch.%s mailbox=%s %s", word, self._id, detail[:300])
