"""A mailbox under random hands, the real engine on a real SQLite, and a model that is a set.

The model says which messages must be in the CRM: those that lay in the window of some run that
came to its end, where the server gave them. Everything else about a run may be as bad as it likes.
"""

import contextlib
import dataclasses
import datetime as dt
import gc
import hashlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from fakes.mail_reader import FakeFolder, FakeMailbox, FakeMessage
from faults.steps import Crash, SteppedServers, Steps, watch_engine
from faults.world import NOW, Dump, compare, dump, letter, make_services, prepare
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.errors import IncompleteRunError
from mailcrm.records import Window
from mailcrm.services.run import run_mailbox
from mailcrm.services.wiring import Services

__all__ = ["MailboxMachine"]

DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)
MIDNIGHT = NOW.replace(hour=0)
SINCES = tuple(MIDNIGHT - days * DAY for days in (30, 10, 7, 3))
UNTILS = (None, MIDNIGHT - 5 * DAY, MIDNIGHT - DAY, MIDNIGHT + DAY)
EDGES = tuple(
    edge + shift
    for edge in (*SINCES, *(until for until in UNTILS if until))
    for shift in (-SECOND, 0 * SECOND, SECOND, dt.timedelta(hours=7))
)
FOLDERS = ("INBOX", "Archive", "Sent")
PICKS = st.integers(0, 59)


class World:
    """One database file and one engine per process: compiled statements are kept."""

    def __init__(self) -> None:
        shm = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None)
        self._empty, self._file = (Path(self._folder.name) / n for n in ("empty.db", "work.db"))
        prepare(f"sqlite:///{self._empty}")
        self.engine = make_engine(f"sqlite:///{self._file}")
        self.steps = Steps()
        watch_engine(self.engine, lambda name: self.steps(name))
        gc.collect()
        gc.freeze()

    def reset(self) -> None:
        """An empty database again."""
        self.engine.dispose()
        for suffix in ("-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._empty, self._file)


_WORLDS: list[World] = []


def _world() -> World:
    if not _WORLDS:
        _WORLDS.append(World())
    return _WORLDS[0]


class MailboxMachine(RuleBasedStateMachine):
    """What people and servers do to a mailbox, and runs in between."""

    @initialize(filled=st.lists(st.tuples(PICKS, st.sampled_from(EDGES)), max_size=12))
    def start(self, filled: list[tuple[int, dt.datetime]]) -> None:
        self.world = _world()
        self.world.reset()
        self.mailbox = FakeMailbox(next_uidvalidity=1000)
        del self.mailbox.folders["INBOX"]
        for name in FOLDERS:
            self.mailbox.create_folder(name, *(["\\sent"] if name == "Sent" else []))
        services, self.engine = make_services(
            self.world.engine, self.mailbox, quarantine_hold_min=10_000
        )
        servers = SteppedServers(self.mailbox, lambda name: self.world.steps(name))
        self.services: Services = dataclasses.replace(services, servers=servers)
        self.number = 0
        self.lowest = 1000
        self.lives: dict[str, dict[int, FakeFolder]] = {name: {} for name in FOLDERS}
        self.reused: set[tuple[str, int]] = set()
        self.expected: set[str] = set()
        self.expected_held: set[str] = set()
        self.allowed: set[str] = set()
        self.published: Counter[str] = Counter()
        for pick, arrived in filled:
            self._deliver(pick, arrived, "plain" if pick % 4 else "reply")

    # What happens to the mailbox

    def _folder(self, pick: int) -> FakeFolder | None:
        names = list(self.mailbox.folders)
        return self.mailbox.folders[names[pick % len(names)]] if names else None

    def _message(self, pick: int) -> tuple[FakeFolder, int] | None:
        places = [(f, uid) for f in self.mailbox.folders.values() for uid in sorted(f.messages)]
        return places[pick % len(places)] if places else None

    @rule(
        pick=PICKS,
        arrived=st.sampled_from((*EDGES, None)),
        kind=st.sampled_from(("plain", "plain", "plain", "anonymous", "twin", "reply", "broken")),
        count=st.sampled_from((1, 1, 2, 7)),
    )
    def deliver(self, pick: int, arrived: dt.datetime | None, kind: str, count: int) -> None:
        for _ in range(count):
            self._deliver(pick, arrived, kind)

    def _deliver(self, pick: int, arrived: dt.datetime | None, kind: str) -> None:
        folder = self._folder(pick)
        if folder is not None:
            self.number += 1
            raw = make_letter(self.number, arrived or NOW, kind, pick)
            folder.add(FakeMessage(raw, arrived, ("\\Seen",)))

    @rule(pick=PICKS, to=PICKS, moved=st.booleans())
    def copy_or_move(self, pick: int, to: int, moved: bool) -> None:
        place, target = self._message(pick), self._folder(to)
        if place is None or target is None:
            return
        folder, uid = place
        target.add(dataclasses.replace(folder.messages[uid]))
        if moved:
            del folder.messages[uid]

    @rule(pick=PICKS)
    def delete(self, pick: int) -> None:
        place = self._message(pick)
        if place is not None:
            del place[0].messages[place[1]]

    @rule(pick=PICKS)
    def flag(self, pick: int) -> None:
        place = self._message(pick)
        if place is not None:
            place[0].messages[place[1]].flags = ("\\Answered", "\\Flagged")

    @rule(pick=PICKS, refused=st.booleans())
    def hide(self, pick: int, refused: bool) -> None:
        """The server lists a message and does not give it, from now on."""
        place = self._message(pick)
        if place is not None:
            (place[0].refused if refused else place[0].withheld).add(place[1])

    @rule()
    def heal(self) -> None:
        """The server gives everything again."""
        for folder in self.mailbox.folders.values():
            folder.withheld.clear()
            folder.refused.clear()

    @rule(name=st.sampled_from(FOLDERS), mercy=st.integers(0, 3))
    def remove_or_create_folder(self, name: str, mercy: int) -> None:
        if name in self.mailbox.folders:
            if mercy:
                return
            del self.mailbox.folders[name]
        else:
            self.mailbox.create_folder(name, *(["\\sent"] if name == "Sent" else []))
        self.lives[name].clear()

    @rule(pick=PICKS, mercy=st.integers(0, 3))
    def rename_folder(self, pick: int, mercy: int) -> None:
        """Back from a name that nobody asked for, or, now and then, away to it."""
        away = "Elsewhere"
        if away in self.mailbox.folders:
            missing = [name for name in FOLDERS if name not in self.mailbox.folders]
            if missing:
                self.mailbox.folders[missing[0]] = self._renamed(away)
        elif self.mailbox.folders and not mercy:
            names = list(self.mailbox.folders)
            self.mailbox.folders[away] = self._renamed(names[pick % len(names)])

    def _renamed(self, name: str) -> FakeFolder:
        """RFC 9051 §2.3.1.1: under another name it must not repeat what that name had before."""
        folder = self.mailbox.folders.pop(name)
        folder.uidvalidity = self.mailbox.next_uidvalidity
        folder.attributes = frozenset()  # else it would be \\Sent under any name
        self.mailbox.next_uidvalidity += 1
        for lives in self.lives.values():
            lives.clear()
        return folder

    @rule(pick=PICKS, how=st.sampled_from(("up", "down", "none", "reused")))
    def renumber(self, pick: int, how: str) -> None:
        """Another uidvalidity, and other uids for the same messages."""
        name, old = self._named(pick)
        if old is None:
            return
        fresh = FakeFolder(attributes=old.attributes, uidnext=1 + pick)
        if how == "up":
            fresh.uidvalidity = self.mailbox.next_uidvalidity
            self.mailbox.next_uidvalidity += 1
        elif how == "reused":  # against RFC 9051 §2.3.1.1: the value named other uids before
            values = sorted(self.lives[name])
            if not values:
                return
            fresh.uidvalidity = values[pick % len(values)]
            del self.lives[name][fresh.uidvalidity]
            self.reused.add((name, fresh.uidvalidity))
        elif how == "down":
            self.lowest -= 1
            fresh.uidvalidity = self.lowest
        else:
            fresh.uidvalidity = None
        if old.uidvalidity is not None:
            self.lives[name][old.uidvalidity] = old
        for uid in sorted(old.messages, key=lambda uid: (uid * 7919 + pick) % 101):
            fresh.add(dataclasses.replace(old.messages[uid]))
        self.mailbox.folders[name] = fresh

    @rule(pick=PICKS)
    def return_to_earlier_life(self, pick: int) -> None:
        """A backend from before answers again: its uidvalidity, its uids, what it had then."""
        name, now = self._named(pick)
        lives = self.lives.get(name, {})
        if now is None or not lives:
            return
        value = sorted(lives)[pick % len(lives)]
        earlier = lives.pop(value)
        if now.uidvalidity is not None:
            lives[now.uidvalidity] = now
        self.mailbox.folders[name] = earlier

    def _named(self, pick: int) -> tuple[str, FakeFolder | None]:
        names = [name for name in FOLDERS if name in self.mailbox.folders]
        name = names[pick % len(names)] if names else ""
        return name, self.mailbox.folders.get(name)

    # Runs

    def _in_window(self, window: Window) -> tuple[set[str], set[str]]:
        """All messages of the mailbox in a window, and those that the server gives."""
        there, given = set(), set()
        for name in FOLDERS:
            folder = self.mailbox.folders.get(name)
            for uid, message in (folder.messages if folder else {}).items():
                if folder and window.contains(message.internaldate or NOW):
                    there.add(ident(message.raw))
                    if uid not in folder.withheld | folder.refused:
                        given.add(ident(message.raw))
        return there, given

    @rule(until=st.sampled_from(UNTILS))
    def run_wide(self, until: dt.datetime | None) -> None:
        self._run_window(SINCES[0], until)

    @rule(since=st.sampled_from(SINCES))
    def run_to_now(self, since: dt.datetime) -> None:
        self._run_window(since, None)

    @rule(since=st.sampled_from(SINCES), until=st.sampled_from(UNTILS))
    def run_any(self, since: dt.datetime, until: dt.datetime | None) -> None:
        self._run_window(since, until)

    def _run_window(self, since: dt.datetime, until: dt.datetime | None) -> None:
        if until is not None and until <= since:
            return
        there, given = self._in_window(Window(since, until))
        self.allowed |= there
        self.world.steps = Steps()
        report = run_mailbox(self.services, "sales", since, until)
        if not isinstance(report.failure, IncompleteRunError | None):
            raise report.failure
        assert report.summary is not None
        certificate = report.summary.certificate
        assert certificate.balanced, certificate
        assert certificate.total("pending") == 0, certificate
        if report.failure is None:  # a gap is never green
            assert there <= {*self._idents(), *self._held()}
            assert set(FOLDERS) <= set(self.mailbox.folders)
        self.expected |= {name for name in given if not name.endswith("broken")}
        self.expected_held |= {name for name in given if name.endswith("broken")}

    @rule(since=st.sampled_from(SINCES), until=st.sampled_from(UNTILS), step=st.integers(1, 900))
    def crash_a_run(self, since: dt.datetime, until: dt.datetime | None, step: int) -> None:
        if until is not None and until <= since:
            return
        self.allowed |= self._in_window(Window(since, until))[0]
        self.world.steps = Steps({step})
        with contextlib.suppress(Crash):
            run_mailbox(self.services, "sales", since, until)
        self.world.steps = Steps()
        # What a dead process lets go of: a cursor in a dead frame keeps SQLite's lock.
        self.engine.dispose()
        gc.collect()

    # What must hold after each of them

    @invariant()
    @precondition(lambda self: hasattr(self, "world"))
    def nothing_lost_doubled_or_deleted(self) -> None:
        now = Counter(self._idents())
        doubled = {name for name, count in now.items() if count > 1}
        assert not doubled, f"published twice: {doubled}"
        assert self.expected <= set(now), f"lost: {self.expected - set(now)}"
        assert set(self.published) <= set(now), f"deleted: {set(self.published) - set(now)}"
        assert set(now) <= self.allowed, f"nobody asked for: {set(now) - self.allowed}"
        self.published = now
        assert self.expected_held <= self._held(), "lost from quarantine"
        self._check_sightings()

    def _idents(self) -> list[str]:
        with reading(self.engine) as connection:
            return [ident(t.encode()) for t in connection.scalars(select(_MESSAGES.c.body_text))]

    def _held(self) -> set[str]:
        with reading(self.engine) as connection:
            raws = connection.scalars(select(schema.sync_quarantine.c.raw))
            return {ident(raw) for raw in raws}

    def _check_sightings(self) -> None:
        """Each place shows the message that is there."""
        seen = schema.crm_message_sightings
        statement = select(seen.c.folder, seen.c.uidvalidity, seen.c.uid, _MESSAGES.c.body_text)
        statement = statement.join(_MESSAGES, _MESSAGES.c.message_key == seen.c.message_key)
        with reading(self.engine) as connection:
            for folder, uidvalidity, uid, text in connection.execute(statement):
                life = self._life(folder, uidvalidity)
                if life is not None and uid in life.messages:
                    assert ident(life.messages[uid].raw) == ident(text.encode())

    def _life(self, folder: str, uidvalidity: int) -> FakeFolder | None:
        now = self.mailbox.folders.get(folder)
        if (folder, uidvalidity) in self.reused:
            return None
        if now is not None and now.uidvalidity == uidvalidity:
            return now
        return self.lives[folder].get(uidvalidity)

    def teardown(self) -> None:
        """Left in peace, the mailbox is complete after one run; another changes nothing."""
        if not hasattr(self, "world"):
            return
        self.heal()
        for name in FOLDERS:
            folder = self.mailbox.folders.get(name)
            if folder is not None and folder.uidvalidity is None:
                folder.uidvalidity = self.mailbox.next_uidvalidity
                self.mailbox.next_uidvalidity += 1
        self._run_all()
        self.nothing_lost_doubled_or_deleted()
        before: Dump = dump(self.engine)
        self._run_all()
        assert compare(before, dump(self.engine)) == []

    def _run_all(self) -> None:
        self._run_window(SINCES[0], UNTILS[-1])


_MESSAGES = schema.crm_messages


def make_letter(number: int, sent: dt.datetime, kind: str, pick: int) -> bytes:
    """A message that shares no word with another; it names itself in its text."""
    name = f"ident-{number}-{kind}"
    words = hashlib.sha256(name.encode()).hexdigest()
    body = " ".join([name, *(words[i : i + 5] for i in range(0, 60, 5))])
    message_id: str | None = f"<{number}@customer.example>"
    headers = []
    if kind == "anonymous":
        message_id = None
    elif kind == "twin":  # the Message-ID of whoever is numbered so, too
        message_id = f"<{pick % max(1, number)}@customer.example>"
    elif kind == "reply":
        headers = [f"References: <{pick % number}@customer.example>"]
    sender = "" if kind == "broken" else f"ada{pick % 3}@customer.example"
    return letter(f"n{number}", sent, *headers, sender=sender, body=body, message_id=message_id)


def ident(raw: bytes) -> str:
    """The name that a message of `make_letter` gives itself."""
    start = raw.index(b"ident-")
    return raw[start:].split(None, 1)[0].decode()
