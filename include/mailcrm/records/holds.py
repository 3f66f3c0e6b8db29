"""What is held back, as services see it."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """One message in quarantine.

    `internaldate` and `size_bytes` are the server's, as listed. Not `is_settled`: its batch is
    not published yet, so that the next run reads it again by itself.
    """

    quarantine_id: int
    mailbox_id: str
    generation_id: int
    uid: int
    internaldate: dt.datetime | None
    size_bytes: int
    rule: str
    has_raw: bool
    is_settled: bool
