"""How long a watcher stays away after something went wrong, and whether it says so."""

from dataclasses import dataclass
from typing import Final

from mailcrm.errors import (
    CredentialError,
    FolderMissingError,
    MailcrmError,
    PermanentError,
    ThrottledError,
)

__all__ = ["Pause", "plan_pause"]

FIRST_S: Final = 10.0
LONGEST_S: Final = 900.0
FOLDER_S: Final = 3600.0
UNEXPECTED_S: Final = 60.0
# Factors between which a pause is picked at random: a thousand watchers of one server that
# restarted must not come back in the same second, and nobody comes back before a server's word.
PARKED: Final = (0.9, 1.1)
AWAY: Final = (0.1, 1.0)
ASKED_TO_WAIT: Final = (1.0, 1.3)


@dataclass(frozen=True, slots=True)
class Pause:
    """How long to stay away, before a factor out of `spread`.

    `is_parked`: only a person's change helps; a login is tried rarely or never meanwhile.
    """

    seconds: float
    is_parked: bool
    reason: str
    spread: tuple[float, float] = PARKED


def plan_pause(error: Exception, failures: int, recheck_s: float) -> Pause:
    """What an error means for a watcher.

    Args:
        error: Whatever ended the attempt.
        failures: Attempts in a row that failed before this one.
        recheck_s: How often a parked credential is compared with the rejected one.

    Returns:
        Seconds before jitter. Transient errors double from `FIRST_S` to `LONGEST_S`; a server
        that names a time gets at least that.
    """
    growing = min(LONGEST_S, FIRST_S * 2.0 ** min(failures, 20))
    reason = f"{type(error).__name__}: {error}" if isinstance(error, MailcrmError) else ""
    if isinstance(error, CredentialError):
        return Pause(recheck_s, True, reason)
    if isinstance(error, FolderMissingError):
        return Pause(FOLDER_S, True, reason)
    if isinstance(error, PermanentError):
        return Pause(LONGEST_S, True, reason)
    if isinstance(error, ThrottledError):
        wait_s = max(float(error.fields["retry_after_s"]), growing)
        return Pause(wait_s, False, reason, ASKED_TO_WAIT)
    if isinstance(error, MailcrmError):
        return Pause(growing, False, reason, AWAY)
    return Pause(max(UNEXPECTED_S, growing), False, f"unexpected {type(error).__name__}")
