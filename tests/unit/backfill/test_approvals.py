"""When a wider window needs a person's sign-off."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from mailcrm.backfill import approval_reasons, uncovered_days
from mailcrm.records import Approval, Window

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def window(days: float, until: dt.datetime | None = None) -> Window:
    return Window(NOW - days * DAY, until)


def test_days_of_a_folder_never_read_are_all_of_the_window():
    assert uncovered_days(window(30), {}, NOW) == 30


def test_days_that_were_read_do_not_count():
    covered = {"INBOX": [(NOW - 7 * DAY, NOW)]}
    assert uncovered_days(window(30), covered, NOW) == 23


def test_days_are_those_of_the_folder_that_lacks_most():
    covered = {"INBOX": [(NOW - 30 * DAY, NOW)], "Sent": [(NOW - 10 * DAY, NOW)]}
    assert uncovered_days(window(30), covered, NOW) == 20


def test_days_of_a_part_of_a_day_are_rounded_up():
    assert uncovered_days(window(1.5), {"INBOX": [(NOW - DAY, NOW)]}, NOW) == 1


def test_days_of_a_window_in_the_future_are_none():
    assert uncovered_days(Window(NOW + DAY, NOW + 2 * DAY), {}, NOW) == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))), st.integers(1, 40))
def test_days_never_exceed_the_window_nor_fall_below_none(spans: list[tuple[int, int]], days: int):
    covered = {"INBOX": [(NOW - low * DAY, NOW - high * DAY) for low, high in spans]}
    assert 0 <= uncovered_days(window(days), covered, NOW) <= days


def test_reasons_without_a_policy_are_none():
    assert approval_reasons(Approval(), 10_000, 10**9, 0) == ()


def test_reasons_name_each_limit_that_is_exceeded():
    found = approval_reasons(Approval(over_days=10, over_messages=100), 30, 101, 0)
    assert found == (
        "30 days were not read yet; the mailbox's limit is 10",
        "101 messages were not read yet; the mailbox's limit is 100",
    )


def test_reasons_at_the_limit_are_none():
    assert approval_reasons(Approval(over_days=10, over_messages=100), 10, 100, 0) == ()


def test_reasons_of_a_mailbox_that_was_reviewed_are_none():
    policy = Approval(over_days=1, reviewed_sample=50)
    assert approval_reasons(policy, 30, None, 50) == ()
    assert len(approval_reasons(policy, 30, None, 49)) == 1
