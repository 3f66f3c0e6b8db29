"""Two runs at once: of one mailbox, where one of them must lose, and of two that share mail."""

import datetime as dt
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import text

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.arena import BILLING, BOTH, EVIDENCE, Arena, make_arena, spread
from faults.steps import Steps
from faults.world import NOW, compare, letter, make_services
from mailcrm.adapters.crm_database import engine as engine_module
from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.errors import FencedError, StoreBusyError
from mailcrm.records import Lease
from mailcrm.services.check import run_check
from mailcrm.services.fetch import run_fetch
from mailcrm.services.match import run_match
from mailcrm.services.plan import run_plan
from mailcrm.services.publish import run_publish
from mailcrm.services.run import RunReport
from mailcrm.services.wiring import Services

Record = Callable[[str, object], None]
YESTERDAY = NOW - dt.timedelta(days=1)
PATIENCE_S = 60


@pytest.fixture(scope="module", params=BOTH)
def arena(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    yield from make_arena(request.param, tmp_path_factory.mktemp("arena"), server)


class Paused:
    """A run in a thread that waits at one of its steps."""

    def __init__(self, arena: Arena, url: str, step: int) -> None:
        self._stands = threading.Event()
        self._may_go = threading.Event()
        self.report: RunReport | None = None

        def wait(_name: str) -> None:
            self._stands.set()
            self._may_go.wait(PATIENCE_S)

        def work() -> None:
            try:
                self.report = arena.run(url, steps=Steps({step}, wait))
            finally:
                self._stands.set()

        self._thread = threading.Thread(target=work)
        self._thread.start()
        assert self._stands.wait(PATIENCE_S)

    def go_on(self) -> RunReport:
        """Let it run to its end."""
        self._may_go.set()
        self._thread.join(PATIENCE_S)
        assert self.report is not None
        return self.report


def at_once(works: Sequence[Callable[[], RunReport]]) -> list[RunReport]:
    """Do all of them side by side."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [done.result(PATIENCE_S) for done in [pool.submit(work) for work in works]]


def is_between_transactions(name: str) -> bool:
    """Steps at which no transaction is open: after COMMIT, and around the server's answers."""
    return name == "after COMMIT" or name.split()[1].islower()


@pytest.mark.row("R092")
def test_run_that_wakes_up_after_another_one_finished_writes_nothing(
    arena: Arena, record_property: Record
) -> None:
    points = spread(arena.points(is_between_transactions), 10)
    record_property("count", len(points))
    for point in points:
        url = arena.fresh()
        zombie = Paused(arena, url, point)
        assert arena.run(url, hours=1).failure is None, point
        finished = arena.dump(url)
        assert compare(arena.reference, finished) == [], point
        failure = zombie.go_on().failure
        assert failure is None or isinstance(failure, FencedError), (point, failure)
        assert compare(finished, arena.dump(url)) == [], point


@pytest.mark.row("R092")
@pytest.mark.parametrize("where", ["after fetch_messages", "after SELECT sync_leases.token"])
def test_process_stopped_and_continued_after_another_run_is_fenced(
    arena: Arena, where: str
) -> None:
    is_inside = "sync_leases" in where
    if is_inside and arena.kind == "sqlite":
        # SQLite has one writer: whoever freezes inside a transaction keeps all others out.
        where, is_inside = "after COMMIT", False
    url = arena.fresh()
    steps = arena.points(lambda name: name.startswith(where))
    step = steps[len(steps) // 2]
    worker = arena.start_worker(url, stop_at=step)
    os.waitpid(worker.pid, os.WUNTRACED)
    if is_inside:
        # The database ends what idles in a transaction; here without the minutes of waiting.
        end_sessions(arena, url)
    assert arena.run(url, hours=1).failure is None
    worker.send_signal(signal.SIGCONT)
    answer = json.loads(worker.communicate(timeout=PATIENCE_S)[0])
    assert answer["failure"] == "FencedError"
    assert compare(arena.reference, arena.dump(url)) == []


def end_sessions(arena: Arena, url: str) -> None:
    assert arena.server is not None
    name = url.rpartition("/")[2]
    arena.server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )


@pytest.mark.row("R092", "R093")
def test_run_frozen_inside_its_publish_does_not_keep_the_next_one_out(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "IDLE_TIMEOUT_S", 1)
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 0.1)
    url = arena.fresh()
    inside = arena.points(lambda name: name.startswith("after INSERT INTO crm_messages "))[0]
    frozen = Paused(arena, url, inside)
    report = arena.run(url, hours=1)
    if arena.kind == "sqlite":  # one writer: the other one waits, says so, and comes again
        assert isinstance(report.failure, StoreBusyError)
        assert frozen.go_on().failure is None
        assert arena.run(url, hours=2).failure is None
    else:
        assert report.failure is None
        assert isinstance(frozen.go_on().failure, FencedError)
    assert compare(arena.reference, arena.dump(url)) == []


@pytest.mark.row("R092")
def test_runs_side_by_side_leave_what_one_leaves(arena: Arena, record_property: Record) -> None:
    rounds = 40 if EVIDENCE else 4
    record_property("count", rounds)
    for number in range(rounds):
        url = arena.fresh()
        reports = at_once([partial(arena.run, url, hours=hours) for hours in range(3)])
        failures = [report.failure for report in reports]
        assert len(failures) == 3
        assert all(f is None or isinstance(f, FencedError) for f in failures), (number, failures)
        assert arena.run(url, hours=9).failure is None
        assert compare(arena.reference, arena.dump(url)) == [], number


# Two mailboxes that share mail


def mailbox_of(raws: Sequence[bytes]) -> FakeMailbox:
    mailbox = FakeMailbox()
    mailbox.create_folder("Archive")
    mailbox.create_folder("Sent", "\\sent")
    for raw in raws:
        mailbox.folders["INBOX"].add(FakeMessage(raw, YESTERDAY))
    return mailbox


def until_match(services: Services, mailbox_id: str) -> Lease:
    plan = run_plan(services, mailbox_id, f"{mailbox_id}/r1")
    for part in plan.slices:
        run_fetch(services, plan.lease, part)
    run_match(services, plan.lease)
    return plan.lease


def finish(services: Services, lease: Lease) -> None:
    run_check(services, lease)
    run_publish(services, lease)


def view(url: str) -> tuple[object, ...]:
    """Messages, who belongs to whose conversation, conflicts, and all sightings."""
    engine = make_engine(url)
    with reading(engine) as connection:
        rows = connection.execute(
            text("SELECT body_text, conversation_key, is_conflict FROM crm_messages")
        ).all()
        seen = connection.execute(
            text(
                "SELECT s.mailbox_id, s.uid, m.body_text FROM crm_message_sightings s"
                " JOIN crm_messages m ON m.message_key = s.message_key"
            )
        ).all()
        counts = connection.execute(text("SELECT message_count FROM crm_conversations")).all()
    engine.dispose()
    together = {frozenset(r[0] for r in rows if r[1] == key) for key in {r[1] for r in rows}}
    texts = sorted(row[0] for row in rows)
    conflicts = sum(bool(row[2]) for row in rows)
    return texts, together, conflicts, sorted(map(tuple, seen)), sorted(map(tuple, counts))


ROOT = letter("root", YESTERDAY, to="sales@acme.example, billing@acme.example")
REPLY = letter("reply", YESTERDAY, "References: <root@customer.example>")
LATE = letter("late", YESTERDAY, "References: <root@customer.example> <reply@customer.example>")
SAME_ID = letter("first", YESTERDAY, message_id="<x@x.example>", body="Alpha beta gamma delta.")
OTHER = letter(
    "second",
    YESTERDAY,
    message_id="<x@x.example>",
    sender="mallory@evil.example",
    body="One two three four five six seven eight nine ten.",
)
SHARED_MAIL = {
    "same message": ([ROOT], [ROOT]),
    "halves of a thread": ([ROOT], [REPLY]),
    "halves of a thread, turned": ([REPLY, LATE], [ROOT]),
    "same Message-ID, other text": ([SAME_ID], [OTHER]),
    "all of it": ([ROOT, SAME_ID, LATE], [REPLY, OTHER, ROOT]),
}


@pytest.mark.row("R034", "R092")
@pytest.mark.parametrize("mails", SHARED_MAIL.values(), ids=SHARED_MAIL)
def test_mailboxes_that_match_side_by_side_publish_as_one_after_the_other(
    arena: Arena, mails: tuple[list[bytes], list[bytes]]
) -> None:
    views = []
    for is_interleaved in (False, True):
        url = arena.fresh()
        sales, one = make_services(url, mailbox_of(mails[0]))
        billing, two = make_services(url, mailbox_of(mails[1]))
        their_lease = until_match(billing, BILLING)
        if is_interleaved:
            lease = until_match(sales, "sales")
            finish(billing, their_lease)
        else:
            finish(billing, their_lease)
            lease = until_match(sales, "sales")
        finish(sales, lease)
        one.dispose()
        two.dispose()
        views.append(view(url))
    assert views[0] == views[1]
    assert set(views[0][0]) == {  # type: ignore[call-overload]
        raw.split(b"\r\n\r\n")[1].decode().strip() for raw in (*mails[0], *mails[1])
    }


@pytest.mark.row("R034", "R092")
def test_mailboxes_with_the_same_mail_publish_at_once_and_double_nothing(
    arena: Arena, record_property: Record
) -> None:
    rounds = 40 if EVIDENCE else 4
    record_property("count", rounds)
    for number in range(rounds):
        url = arena.fresh()
        works = [partial(arena.run, url, mailbox_id=name) for name in ("sales", BILLING)]
        reports = at_once(works)
        assert [report.failure for report in reports] == [None, None], number
        found = arena.dump(url)
        for table in ("crm_messages", "crm_message_participants", "match_decisions"):
            assert len(found[table]) == len(arena.reference[table]), (number, table)
        sightings = len(arena.reference["crm_message_sightings"])
        assert len(found["crm_message_sightings"]) == 2 * sightings, number
