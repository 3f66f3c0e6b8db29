"""A uidvalidity that comes back and means other messages, against RFC 9051 §2.3.1.1."""

import datetime as dt
import re
from collections.abc import Iterator

import pytest

from fakes.mail_reader import FakeFolder, FakeMailbox, FakeMessage
from faults.arena import BOTH, Arena, make_arena
from faults.world import NOW, letter

YESTERDAY = NOW - dt.timedelta(days=1)


@pytest.fixture(scope="module", params=BOTH)
def arena(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    yield from make_arena(request.param, tmp_path_factory.mktemp("arena"), server)


def life(uidvalidity: int, *names: str) -> FakeFolder:
    """A folder whose uids 1, 2, … are these messages."""
    folder = FakeFolder(uidvalidity=uidvalidity)
    for name in names:
        arrived = YESTERDAY + dt.timedelta(minutes=ord(name))
        folder.add(FakeMessage(letter(name, arrived), arrived))
    return folder


def names_in(arena: Arena, url: str) -> list[str]:
    rows = " ".join(arena.dump(url)["crm_messages"])
    return sorted(re.findall(r'"subject": "About (\w+)"', rows))


@pytest.mark.row("R002")
@pytest.mark.parametrize(
    ("lives", "expected"),
    [
        ([life(10, "a", "b"), life(9, "c"), life(10, "d", "e", "b")], "abcde"),
        ([life(10, "a"), life(9, "a"), life(10, "b"), life(9, "c"), life(10, "d")], "abcd"),
        ([life(0, "a", "b", "c"), life(1), life(0, "a", "b", "d")], "abcd"),
        ([life(10, "a", "b"), life(9, "c"), life(10, "a", "b", "d")], "abcd"),
    ],
    ids=["all other", "again and again", "the last one other", "as it was"],
)
def test_run_uidvalidity_that_returns_with_other_messages_loses_none(
    arena: Arena, lives: list[FakeFolder], expected: str
) -> None:
    url = arena.fresh()
    mailbox = FakeMailbox()
    mailbox.create_folder("Archive")
    mailbox.create_folder("Sent", "\\sent")
    for hours, folder in enumerate(lives):
        mailbox.folders["INBOX"] = folder
        report = arena.run(url, mailbox=mailbox, hours=hours)
        assert report.failure is None
    assert names_in(arena, url) == list(expected)
    after = arena.dump(url)
    again = arena.run(url, mailbox=mailbox, hours=9)
    assert again.failure is None
    assert arena.dump(url)["crm_messages"] == after["crm_messages"]
    assert again.summary is not None
    assert again.summary.state == "nothing_new"
