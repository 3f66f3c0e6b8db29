"""One direction's health, from what verifications found: changes only on evidence."""

import datetime as dt

from mailcrm.records import Health, HealthState, NoticeEvent, VerifyResult, VerifyState

__all__ = ["BROKEN_AFTER", "decide_event", "decide_health"]

# So many failures in a row, each of which might have healed by itself, are broken all the same.
BROKEN_AFTER = 3


def decide_health(before: Health | None, result: VerifyResult, now: dt.datetime) -> Health:
    """The health after one more verification.

    A failure that may heal is `degraded`, and `broken` when it comes BROKEN_AFTER times in a row
    or to a direction that was down already; one that needs a person is `broken` at once, a
    rejected credential `paused`.

    Args:
        before: None where nothing was ever found out.
        result: What this verification found.
        now: Its moment, aware UTC; `since` moves only when the state changes.
    """
    failures = 0
    if result.state is VerifyState.OK:
        state = HealthState.OK
    elif result.is_credential_rejected:
        state = HealthState.PAUSED
    elif result.state is VerifyState.UNREACHABLE or result.retry_after_s is not None:
        failures = (before.failures if before else 0) + 1
        was_down = before is not None and before.state.is_down
        is_broken = was_down or failures >= BROKEN_AFTER
        state = HealthState.BROKEN if is_broken else HealthState.DEGRADED
    else:
        state = HealthState.BROKEN
    same = before is not None and before.state is state
    return Health(
        state=state,
        since=before.since if before is not None and same else now,
        failures=failures,
        reason=None if state is HealthState.OK else _reason(result),
    )


def decide_event(before: Health | None, after: Health) -> NoticeEvent | None:
    """What people are told: once when a direction goes down, once when it is well again."""
    was_down = before is not None and before.state.is_down
    if after.state.is_down:
        return None if was_down else NoticeEvent.BROKE
    return NoticeEvent.RECOVERED if was_down and after.state is HealthState.OK else None


def _reason(result: VerifyResult) -> str:
    words = [f"{result.state.value} at {result.stage}"]
    words += [result.code] if result.code else []
    return f"{' '.join(words)}: {result.advice}" if result.advice else " ".join(words)
