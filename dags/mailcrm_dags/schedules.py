"""When a mailbox runs: its cron, shifted by a stable offset of its own.

A thousand mailboxes with the same schedule would start in the same second. Each is shifted by a
hash of its id, inside the schedule's own period, and the result is a cron line again: a minute
and a second (the sixth field).
"""

import zlib

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable

from mailcrm_dags.registry import MailboxEntry
from mailcrm_dags.watching import watched_schedule

__all__ = ["mailbox_schedule", "shift_cron"]

# A schedule at one minute (`0 6 * * *`) is meant: it is spread over few minutes after it.
SPREAD_MINUTES = 10


def mailbox_schedule(entry: MailboxEntry) -> CronTriggerTimetable | AssetOrTimeSchedule | None:
    """The timetable of a mailbox; None where it runs by hand only, or is paused.

    One that is watched runs when mail arrives, and once a day whatever its cron says.
    """
    watched = watched_schedule(entry)
    if watched is not None:
        return watched
    if entry.schedule is None or not entry.is_active:
        return None
    return CronTriggerTimetable(shift_cron(entry.schedule, entry.mailbox_id), timezone="UTC")


def shift_cron(cron: str, mailbox_id: str) -> str:
    """Five fields of cron and an id to six fields, the last of them the second.

    `*/15 * * * *` becomes for example `7-59/15 * * * * 23`: still every 15 minutes. Minutes that
    are listed or begin elsewhere keep their minute and get a second only.
    """
    digest = zlib.crc32(f"schedule {mailbox_id}".encode())
    second, number = digest % 60, digest // 60
    minute, _, rest = cron.partition(" ")
    return f"{_shift_minute(minute, number)} {rest} {second}"


def _shift_minute(minute: str, number: int) -> str:
    if minute.isdigit():
        return str(int(minute) + number % min(SPREAD_MINUTES, 60 - int(minute)))
    if minute.startswith("*/") and minute[2:].isdigit():
        step = int(minute[2:])
        if step > 1 and 60 % step == 0:
            return f"{number % step}-59/{step}"
    return minute
