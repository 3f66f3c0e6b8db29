"""Health over time: it changes on evidence, and people are told once."""

import datetime as dt

import pytest

from mailcrm.credentials import BROKEN_AFTER, decide_event, decide_health
from mailcrm.records import (
    Direction,
    Encryption,
    Health,
    HealthState,
    NoticeEvent,
    VerifyResult,
    VerifyState,
)

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)


def _found(
    state: VerifyState, *, retry: float | None = None, rejected: bool = False
) -> VerifyResult:
    return VerifyResult(
        direction=Direction.IMAP,
        state=state,
        stage="authenticate",
        host="imap.acme.example",
        port=993,
        encryption=Encryption.TLS,
        advice="change it",
        retry_after_s=retry,
        is_credential_rejected=rejected,
    )


OK = _found(VerifyState.OK)
AWAY = _found(VerifyState.UNREACHABLE, retry=60.0)
REJECTED = _found(VerifyState.REFUSED, rejected=True)
WRONG = _found(VerifyState.MISCONFIGURED)
LIMITED = _found(VerifyState.REFUSED, retry=86_400.0)


def _follow(*results: VerifyResult) -> tuple[list[str], list[str]]:
    """The states after each result, and the events on the way."""
    health: Health | None = None
    states, events = [], []
    for hour, result in enumerate(results):
        after = decide_health(health, result, NOW + dt.timedelta(hours=hour))
        event = decide_event(health, after)
        states.append(after.state.value)
        events += [event.value] if event else []
        health = after
    return states, events


@pytest.mark.row("R137")
def test_decide_health_one_passing_failure_degrades_and_tells_nobody() -> None:
    assert _follow(OK, AWAY, OK) == (["ok", "degraded", "ok"], [])


def test_decide_health_repeated_failures_break_and_recover_once() -> None:
    states, events = _follow(OK, *[AWAY] * (BROKEN_AFTER + 2), OK, OK)
    assert states == ["ok", "degraded", "degraded", "broken", "broken", "broken", "ok", "ok"]
    assert events == ["broke", "recovered"]


@pytest.mark.parametrize(("result", "state"), [(WRONG, "broken"), (REJECTED, "paused")])
def test_decide_health_what_needs_a_person_is_down_at_once(
    result: VerifyResult, state: str
) -> None:
    assert _follow(OK, result, result, OK) == (["ok", state, state, "ok"], ["broke", "recovered"])


def test_decide_health_from_broken_to_paused_is_told_once() -> None:
    assert _follow(WRONG, REJECTED, AWAY, OK)[1] == ["broke", "recovered"]


def test_decide_health_a_provider_limit_heals_by_itself() -> None:
    assert _follow(OK, LIMITED, OK) == (["ok", "degraded", "ok"], [])


def test_decide_health_since_moves_only_with_the_state() -> None:
    first = decide_health(None, WRONG, NOW)
    second = decide_health(first, WRONG, NOW + dt.timedelta(hours=1))
    assert (first.since, second.since) == (NOW, NOW)
    assert second.reason == "misconfigured at authenticate: change it"
    assert decide_health(second, OK, NOW).reason is None


def test_health_state_down_is_broken_or_paused() -> None:
    assert [state for state in HealthState if state.is_down] == [
        HealthState.BROKEN,
        HealthState.PAUSED,
    ]
    assert decide_event(None, Health(HealthState.BROKEN, NOW)) is NoticeEvent.BROKE
