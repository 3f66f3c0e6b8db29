"""The schedule of a mailbox whose server tells of new mail: by event, and once a day anyway."""

import zlib
from typing import Protocol

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable

from mailcrm_dags.new_mail import NewMailTrigger

__all__ = ["WatchedEntry", "new_mail_asset", "watched_schedule"]

MINUTES_OF_A_DAY = 24 * 60


class WatchedEntry(Protocol):
    """What this needs to know of a mailbox."""

    @property
    def mailbox_id(self) -> str:
        """The mailbox's id."""

    @property
    def is_active(self) -> bool:
        """Whether runs of this mailbox do anything."""

    @property
    def watched(self) -> bool:
        """Whether it is watched for new mail."""


def new_mail_asset(mailbox_id: str) -> Asset:
    """New mail on the server, watched in the triggerer; not the asset that `publish` updates."""
    watcher = AssetWatcher(name=f"new_mail_{mailbox_id}", trigger=NewMailTrigger(mailbox_id))
    return Asset(
        name=f"mailcrm_new_mail_{mailbox_id}",
        uri=f"mailcrm://new-mail/{mailbox_id}",
        watchers=[watcher],
    )


def watched_schedule(entry: WatchedEntry) -> AssetOrTimeSchedule | None:
    """By event, with one run a day as the safety net; None where the mailbox is not watched.

    The daily run proves by its certificate that no event was missed. Its minute is the mailbox's
    own and stays the same.
    """
    if not entry.is_active or not entry.watched:
        return None
    minute = zlib.crc32(entry.mailbox_id.encode()) % MINUTES_OF_A_DAY
    cron = f"{minute % 60} {minute // 60} * * *"
    return AssetOrTimeSchedule(
        assets=new_mail_asset(entry.mailbox_id),
        timetable=CronTriggerTimetable(cron, timezone="UTC"),
    )
