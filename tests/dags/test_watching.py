"""The schedule of watched mailboxes, and the trigger that Airflow keeps for each."""

import asyncio
import dataclasses

import pytest
from airflow.sdk import AssetOrTimeSchedule
from airflow.serialization.encoders import encode_trigger
from airflow.triggers.base import TriggerEvent

from mailcrm.errors import SettingsError
from mailcrm.ports.watch import WatchCredentials, WatchMemory
from mailcrm.records.watch import FolderMark, NewMail
from mailcrm_dags import new_mail
from mailcrm_dags.assets import mailbox_asset
from mailcrm_dags.new_mail import NewMailTrigger
from mailcrm_dags.registry import MailboxEntry
from mailcrm_dags.schedules import mailbox_schedule
from mailcrm_dags.watching import new_mail_asset, watched_schedule

WATCHED = MailboxEntry("sales", schedule="*/15 * * * *", watched=True)


def test_watched_mailbox_runs_by_event_and_once_a_day() -> None:
    found = mailbox_schedule(WATCHED)
    assert isinstance(found, AssetOrTimeSchedule)
    minute, hour, *rest = found.timetable.expression.split()
    assert (int(minute) < 60, int(hour) < 24, rest) == (True, True, ["*", "*", "*"])
    again = watched_schedule(WATCHED)
    assert again is not None
    assert again.timetable.expression == found.timetable.expression


@pytest.mark.parametrize(
    "entry",
    [
        dataclasses.replace(WATCHED, watched=False),
        dataclasses.replace(WATCHED, state="paused"),
    ],
)
def test_mailbox_that_is_paused_or_not_watched_has_no_watcher(entry: MailboxEntry) -> None:
    assert watched_schedule(entry) is None
    assert not isinstance(mailbox_schedule(entry), AssetOrTimeSchedule)


def test_new_mail_is_another_asset_than_what_publish_updates() -> None:
    mail, published = new_mail_asset("sales"), mailbox_asset("sales")
    assert mail.name != published.name
    assert mail.uri != published.uri


def test_trigger_keeps_the_id_and_nothing_else() -> None:
    encoded = encode_trigger(new_mail_asset("sales").watchers[0].trigger)
    assert encoded == {
        "classpath": "mailcrm_dags.new_mail.NewMailTrigger",
        "kwargs": {"mailbox_id": "sales"},
    }
    assert NewMailTrigger(**encoded["kwargs"]).serialize()[1] == {"mailbox_id": "sales"}


class Store:
    """Airflow's store of one asset; it may be away."""

    def __init__(self, is_away: bool = False) -> None:
        self.values: dict[str, object] = {}
        self.is_away = is_away

    async def aget(self, key: str) -> object:
        if self.is_away:
            raise RuntimeError("away")
        return self.values.get(key)

    async def aset(self, key: str, value: object) -> None:
        if self.is_away:
            raise RuntimeError("away")
        self.values[key] = value


class Runtime:
    """What triggers share: its watcher tells once, then what the memory holds."""

    def watcher(self, mailbox_id: str, _: WatchCredentials, memory: WatchMemory) -> "Runtime":
        self._memory = memory
        return self

    async def events(self):  # type: ignore[no-untyped-def]
        marks = await self._memory.read_marks()
        await self._memory.write_marks({"INBOX": FolderMark(7, None)})
        yield NewMail("sales", ("INBOX",) if marks is None else tuple(marks))


@pytest.mark.parametrize("is_away", [False, True])
def test_trigger_tells_and_remembers_where_airflow_lets_it(
    monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    monkeypatch.setattr(new_mail, "_share", Runtime)
    trigger = NewMailTrigger("sales")
    trigger.asset_state_store = Store(is_away)  # type: ignore[assignment]

    async def first() -> TriggerEvent:
        return await anext(aiter(trigger.run()))

    payload = {"mailbox": "sales", "folders": ["INBOX"]}
    assert asyncio.run(first()).payload == payload
    assert asyncio.run(first()).payload == payload
    if not is_away:
        assert trigger.asset_state_store.values == {"marks": {"INBOX": [7, None]}}  # type: ignore[union-attr]


def test_trigger_outlives_settings_that_do_not_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = iter([SettingsError(where="MAILCRM_HOME", problem="is wrong"), None])

    def share() -> Runtime:
        error = next(tries)
        if error is not None:
            raise error
        return Runtime()

    monkeypatch.setattr(new_mail, "_share", share)
    monkeypatch.setattr(new_mail, "BROKEN_S", 0.001)

    async def first() -> TriggerEvent:
        return await anext(aiter(NewMailTrigger("sales").run()))

    assert asyncio.run(first()).payload["mailbox"] == "sales"
