"""From what services say to words, colours and drawings; pure functions."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailcrm.records.pages import RunLine

__all__ = [
    "CoverageBar",
    "FolderLook",
    "HealthLook",
    "RunLook",
    "coverage_bar",
    "coverage_bars",
    "folder_looks",
    "health_look",
    "run_look",
    "run_tone",
    "sums",
    "totals_of",
]

DAY = dt.timedelta(days=1)
_HEALTH = {
    "ok": ("works", "ok"),
    "degraded": ("shaky", "warn"),
    "broken": ("broken", "bad"),
    "paused": ("login rejected", "bad"),
}
_RUNS = {
    "published": "ok",
    "nothing_new": "ok",
    "running": "info",
    "held": "warn",
    "incomplete": "warn",
    "failed": "bad",
    "superseded": "idle",
}
# Where listed messages end, in the order of the certificate, with the colour of each.
_ENDS = (
    ("published", "ok"),
    ("duplicate", "info"),
    ("already_covered", "idle"),
    ("excluded", "soft"),
    ("quarantined", "warn"),
    ("vanished", "soft"),
    ("unavailable", "bad"),
    ("pending", "bad"),
)


@dataclass(frozen=True, slots=True)
class HealthLook:
    """One direction of a mailbox; `tone` is ok, warn, bad or idle."""

    word: str
    tone: str
    since: dt.datetime | None = None
    last_ok_at: dt.datetime | None = None
    checked_at: dt.datetime | None = None
    advice: str = ""
    server_text: str = ""


@dataclass(frozen=True, slots=True)
class CoverageBar:
    """A folder's coverage on a date axis; `pieces` are (x, width) in thousandths of it."""

    folder: str
    pieces: tuple[tuple[float, float], ...]
    label: str


@dataclass(frozen=True, slots=True)
class RunLook:
    """One run in a list; `parts` are its sums, to be drawn."""

    run: RunLine
    tone: str
    parts: list[tuple[str, int, str]]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class FolderLook:
    """One line of a certificate."""

    folder: str
    generation: int
    listed: int
    parts: list[tuple[str, int, str]]
    is_balanced: bool


def health_look(health: Mapping[str, Any] | None) -> HealthLook:
    """How a direction is shown; None was never verified."""
    if not health:
        return HealthLook("not tested yet", "idle")
    word, tone = _HEALTH.get(str(health["health"]), (str(health["health"]), "warn"))
    is_ok = tone == "ok"
    return HealthLook(
        word=word,
        tone=tone,
        since=health["health_since"],
        last_ok_at=health["last_ok_at"],
        checked_at=health["checked_at"],
        advice="" if is_ok else str(health["advice"] or health["last_reason"] or ""),
        server_text="" if is_ok else str(health["server_text"] or ""),
    )


def coverage_bar(
    folder: str,
    intervals: Sequence[tuple[dt.datetime, dt.datetime]],
    now: dt.datetime,
    first: dt.datetime,
) -> CoverageBar:
    """What was read in full, on an axis from a day before `first` until now."""
    start = first - DAY
    end = max(now, *(until for _, until in intervals))
    whole = (end - start).total_seconds()
    pieces = tuple(
        (
            round(1000 * (since - start).total_seconds() / whole, 2),
            max(2.0, round(1000 * (until - since).total_seconds() / whole, 2)),
        )
        for since, until in intervals
    )
    holes = len(intervals) - 1
    gaps = f", {holes} gap{'s' if holes > 1 else ''}" if holes else ""
    label = f"{intervals[0][0]:%Y-%m-%d} to {intervals[-1][1]:%Y-%m-%d}{gaps}"
    return CoverageBar(folder, pieces, label)


def coverage_bars(
    coverage: Sequence[tuple[str, dt.datetime, dt.datetime]], now: dt.datetime
) -> tuple[CoverageBar, ...]:
    """A bar for each folder, all on the same axis."""
    folders: dict[str, list[tuple[dt.datetime, dt.datetime]]] = {}
    for folder, since, until in coverage:
        folders.setdefault(folder, []).append((since, until))
    first = min((since for _, since, _ in coverage), default=now)
    return tuple(coverage_bar(name, spans, now, first) for name, spans in folders.items())


def run_look(run: RunLine) -> RunLook:
    """How a run is shown in a list."""
    ended = run.finished_at
    seconds = (ended - run.started_at).total_seconds() if ended else None
    return RunLook(run, run_tone(run.state), sums(run.totals), seconds)


def folder_looks(folders: Sequence[Mapping[str, Any]]) -> list[FolderLook]:
    """The lines of a certificate."""
    return [
        FolderLook(
            folder=str(row["folder"]),
            generation=int(row["generation"]),
            listed=int(row["listed"]),
            parts=sums(row),
            is_balanced=bool(row["balanced"]),
        )
        for row in folders
    ]


def totals_of(folders: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """A certificate's sums over its folders."""
    names = ("listed", *(name for name, _ in _ENDS))
    return {name: sum(int(row.get(name) or 0) for row in folders) for name in names}


def run_tone(state: str) -> str:
    """The colour of a run's state."""
    return _RUNS.get(state, "idle")


def sums(totals: Mapping[str, Any] | None) -> list[tuple[str, int, str]]:
    """A certificate's totals as (word, number, colour), to be drawn; empty without one."""
    if not totals:
        return []
    return [(name.replace("_", " "), int(totals.get(name) or 0), tone) for name, tone in _ENDS]
