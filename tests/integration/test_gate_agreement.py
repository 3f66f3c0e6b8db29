"""What `check_row` says before a message is staged, the gate says of the staged row."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import NOON, WINDOW, listed, parsed, staged
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.crm_database.ledger import LedgerTables
from mailcrm.adapters.expectations import GxGate
from mailcrm.adapters.staging import StagingTables
from mailcrm.check import check_row
from mailcrm.check.row_rules import MAX_ADDRESS_CHARS, MAX_HEADER_CHARS, MAX_SIZE_BYTES
from mailcrm.records import (
    Attachment,
    BounceReport,
    Lease,
    Participant,
    Quarantined,
    StagedMessage,
    Window,
)
from mailcrm.settings import Settings

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)]
GOOD = staged(1, parsed("a@customer.example"))
TINY = dt.timedelta(microseconds=1)


class Stage:
    """One staged message at a time, and what the gate finds in it."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        schema.metadata.create_all(self.engine)
        ledger = LedgerTables(self.engine)
        self.lease: Lease = ledger.take_lease("sales", "run", WINDOW, NOON)
        self.generation = ledger.open_generation(self.lease, "INBOX", 7, NOON).generation_id
        ledger.write_listing(self.lease, self.generation, [listed(1)], [], [], NOON)
        self.staging = StagingTables(self.engine)
        self.gate = GxGate(self.engine, Settings())

    def faults(self, row: StagedMessage, window: Window) -> list[Quarantined]:
        self.staging.write_messages(self.lease, self.generation, [row], NOON)
        return list(self.gate.find_faults(self.lease, window))


@pytest.fixture(scope="module", params=BOTH)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('agreement') / 'mailcrm.db'}"
    else:
        server = request.getfixturevalue("postgres")
        url = server.url(server.create_database())
    stage = Stage(url)
    yield stage
    stage.engine.dispose()


def texts(*special: str, max_size: int = 20) -> st.SearchStrategy[str]:
    """Mostly storable text, sometimes NUL or half a surrogate pair, sometimes a special value."""
    return st.one_of(
        st.sampled_from(["", " ", "%", "_", "'", "\\", "é", "😀", "a\x00b", "\x00", *special]),
        st.text(max_size=max_size),
        st.text(alphabet=st.characters(codec=None), max_size=3),
    )


ADDRESSES = texts(
    "ada@customer.example",
    "root",
    "Ada Lovelace",
    '"a b"@x.example',
    "  ",
    " @ ",
    "a" * MAX_ADDRESS_CHARS,
    "é" * (MAX_ADDRESS_CHARS + 1),
)
HEADERS = texts("s" * MAX_HEADER_CHARS, "s" * (MAX_HEADER_CHARS + 1))
MOMENTS = st.one_of(
    st.none(),
    st.sampled_from(
        [NOON, WINDOW.since, WINDOW.since - TINY, WINDOW.until, WINDOW.until - TINY]  # type: ignore[operator]
    ),
    st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001
)
PEOPLE = st.lists(
    st.builds(Participant, st.sampled_from(["from", "to", "cc"]), st.just(0), ADDRESSES, HEADERS),
    max_size=3,
    unique_by=lambda person: person.role,
).map(tuple)
FILES = st.lists(
    st.builds(Attachment, texts(), HEADERS, texts(), st.just(1)),
    max_size=2,
    unique_by=lambda part: part.part,
).map(tuple)
STORABLE = st.text(alphabet=st.characters(), max_size=5)
BOUNCES = st.lists(
    st.builds(BounceReport, STORABLE, st.none(), STORABLE, st.none()), max_size=1
).map(tuple)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "message_id": st.one_of(st.none(), HEADERS),
    "subject": HEADERS,
    "sent_at_source": st.sampled_from(["date", "internaldate"]),
    "participants": PEOPLE,
    "body_text": texts(),
    "size_bytes": st.one_of(
        st.sampled_from([-1, 0, 1, MAX_SIZE_BYTES, MAX_SIZE_BYTES + 1]), st.integers(-9, 2**40)
    ),
    "kind": st.sampled_from(["person", "bounce", "bulk"]),
    "attachments": FILES,
    "bounces": BOUNCES,
    "list_id": st.one_of(st.none(), texts()),
}


@st.composite
def rows(draw: st.DrawFn) -> StagedMessage:
    """A good message in which up to three things are as odd as they get."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True))
    changes = {name: draw(FIELDS[name]) for name in names}
    internaldate = draw(st.one_of(st.just(NOON), MOMENTS))
    return dataclasses.replace(
        GOOD, internaldate=internaldate, parsed=dataclasses.replace(GOOD.parsed, **changes)
    )


WINDOWS = st.sampled_from([WINDOW, Window(WINDOW.since)])


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(row=rows(), window=WINDOWS)
def test_predicate_and_expectation_agree(stage: Stage, row: StagedMessage, window: Window) -> None:
    said_before = check_row(row, window)
    try:
        found = stage.faults(row, window)
    except Exception:
        # What the database refuses, the predicate must have kept away from it.
        assert said_before is not None
        assert has_unstorable(row)
        return
    said_after = found[0].rule if found else None
    assert said_after == (said_before.rule if said_before else None)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(row=rows(), window=WINDOWS)
def test_held_message_is_stored_whatever_is_wrong_with_it(
    stage: Stage, row: StagedMessage, window: Window
) -> None:
    fault = check_row(row, window)
    if fault is not None:
        held = row.held(rule=fault.rule, reason=fault.reason, raw=b"raw \x00\xff")
        assert stage.faults(held, window) == []
        assert stage.staging.count_dispositions(stage.lease.batch_id) == {"quarantined": 1}


def has_unstorable(row: StagedMessage) -> bool:
    """Whether any text in the record, however deep, cannot be stored everywhere."""
    return any(not _storable(text) for text in _strings(dataclasses.asdict(row)))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _strings(inner)


def _storable(text: str) -> bool:
    return "\x00" not in text and text.encode("utf-8", "replace").decode() == text
