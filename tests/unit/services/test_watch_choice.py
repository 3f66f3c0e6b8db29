"""Which mailboxes are watched, for how long a watcher stays away, and what triggerers take."""

import dataclasses
import datetime as dt

import pytest

from mailcrm.errors import (
    FolderMissingError,
    ImapCredentialError,
    ServerUnreachableError,
    SettingsError,
    StoreBusyError,
    ThrottledError,
)
from mailcrm.records import MailboxState
from mailcrm.records.registry import RegistryEntry
from mailcrm.records.watch import FolderMark, find_news
from mailcrm.services.watch_choice import explain_capacity, plan_capacity
from mailcrm.services.watch_pause import plan_pause
from servers.mailboxes import make_mailbox

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
AWAY = ServerUnreachableError(protocol="imap", host="h", port=993, detail="gone")


def entry(number: int, idle: bool | None, state: MailboxState) -> RegistryEntry:
    mailbox = dataclasses.replace(make_mailbox(), id=f"m{number}", idle=idle)
    return RegistryEntry(mailbox.id, "a@b.example", state, NOW, NOW, mailbox, None, {})


def test_capacity_counts_only_active_mailboxes_that_are_watched() -> None:
    active, paused = MailboxState.ACTIVE, MailboxState.PAUSED
    entries = [entry(1, True, active), entry(2, True, paused), entry(3, None, active)]
    assert explain_capacity(entries, 1) is None
    assert explain_capacity([*entries, entry(4, True, active)], 1) == (
        "2 mailboxes are watched for new mail, and the triggerers take 1: set "
        "MAILCRM_TRIGGERER_CAPACITY and [triggerer] capacity to 1000"
    )


@pytest.mark.parametrize(("mailboxes", "capacity"), [(0, 1000), (900, 1000), (1000, 1100)])
def test_capacity_leaves_room(mailboxes: int, capacity: int) -> None:
    assert plan_capacity(mailboxes) == capacity


def test_pause_after_unreachable_servers_doubles_up_to_a_quarter_of_an_hour() -> None:
    pauses = [plan_pause(AWAY, failures, 120.0).seconds for failures in range(12)]
    assert pauses[:4] == [10.0, 20.0, 40.0, 80.0]
    assert pauses[-1] == 900.0
    assert plan_pause(AWAY, 10_000, 120.0).seconds == 900.0


@pytest.mark.parametrize("asked_s", [5.0, 3600.0])
def test_pause_is_never_shorter_than_the_server_asks(asked_s: float) -> None:
    error = ThrottledError(protocol="imap", host="h", retry_after_s=asked_s, detail="wait")
    pause = plan_pause(error, 0, 120.0)
    assert pause.seconds >= asked_s
    assert min(pause.spread) >= 1.0


@pytest.mark.parametrize(
    ("error", "is_parked"),
    [
        (ImapCredentialError(mailbox_id="m", reason="no"), True),
        (FolderMissingError(mailbox_id="m", folder="Gone"), True),
        (SettingsError(where="x", problem="y"), True),
        (StoreBusyError(detail="restarting"), False),
        (AWAY, False),
        (ZeroDivisionError(), False),
    ],
)
def test_pause_is_parked_where_only_a_person_can_help(error: Exception, is_parked: bool) -> None:
    assert plan_pause(error, 0, 120.0).is_parked is is_parked


@pytest.mark.parametrize(
    ("known", "found", "is_news"),
    [
        (FolderMark(7, 9), FolderMark(7, 9), False),
        (FolderMark(7, 9), FolderMark(7, 10), True),
        (FolderMark(7, 9), FolderMark(7, 8), False),
        (FolderMark(7, 9), FolderMark(8, 2), True),
        (FolderMark(7, None), FolderMark(7, 9), False),
        (None, FolderMark(None, None), True),
    ],
)
def test_news_are_told_by_uidnext_and_by_another_uidvalidity(
    known: FolderMark | None, found: FolderMark, is_news: bool
) -> None:
    before = {} if known is None else {"INBOX": known}
    assert find_news(before, {"INBOX": found}) == (frozenset({"INBOX"}) if is_news else frozenset())


def test_news_are_everywhere_where_nothing_is_known() -> None:
    marks = {"INBOX": FolderMark(7, 1), "Sent": FolderMark(8, 1)}
    assert find_news(None, marks) == frozenset(marks)
