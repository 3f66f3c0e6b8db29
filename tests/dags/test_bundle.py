"""Files and schedules that the bundle makes of registry rows; no Airflow is started."""

import datetime as dt
from pathlib import Path

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from dags.conftest import entry
from mailcrm_dags.schedules import shift_cron
from mailcrm_dags.shards import holds_mailbox, shard_number, write_shards

IDS = [f"box{number}" for number in range(200)]
START = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_shards_are_dealt_evenly_enough():
    counts = [0] * 16
    for name in IDS:
        counts[shard_number(name, 16)] += 1
    assert max(counts) < 3 * len(IDS) / 16


def test_shards_of_an_unchanged_registry_are_left_alone(tmp_path: Path):
    rows = [entry(name) for name in IDS]
    assert write_shards(tmp_path, rows, 16) == 16
    before = stamps(tmp_path)
    assert write_shards(tmp_path, rows, 16) == 0
    assert stamps(tmp_path) == before


def test_shards_one_change_writes_one_shard(tmp_path: Path):
    rows = [entry(name) for name in IDS]
    write_shards(tmp_path, rows, 16)
    before = stamps(tmp_path)
    rows[7] = entry("box7", state="paused")
    assert write_shards(tmp_path, rows, 16) == 1
    changed = {name for name, stamp in stamps(tmp_path).items() if stamp != before[name]}
    number = shard_number("box7", 16)
    assert changed == {f"mailboxes_{number:03d}.json", f"mailboxes_{number:03d}.py"}


def test_shards_that_lost_their_last_mailbox_stay_empty(tmp_path: Path):
    write_shards(tmp_path, [entry("sales")], 16)
    assert holds_mailbox(tmp_path, "sales", 16)
    assert write_shards(tmp_path, [], 16) == 1
    assert not holds_mailbox(tmp_path, "sales", 16)
    assert len(stamps(tmp_path)) == 2


def test_shards_without_files_hold_nothing(tmp_path: Path):
    assert not holds_mailbox(tmp_path / "missing", "sales", 16)


@pytest.mark.parametrize("cron", ["*/15 * * * *", "0 * * * *", "30 6 * * 1-5", "0,30 * * * *"])
def test_schedule_shifted_runs_as_often_as_before(cron: str):
    end = START + dt.timedelta(days=7)
    expected = sum(1 for _ in _moments(cron, end))
    for name in IDS[:20]:
        found = sum(1 for _ in _moments(shift_cron(cron, name), end))
        assert abs(found - expected) <= 1


@pytest.mark.row("R212")
def test_schedule_of_many_mailboxes_is_spread_over_its_period():
    firsts = {
        next(iter(_moments(shift_cron("*/15 * * * *", name), START + dt.timedelta(days=1))))
        for name in IDS
    }
    assert len(firsts) > 0.8 * len(IDS)
    assert max(firsts) - min(firsts) > dt.timedelta(minutes=13)


@given(st.sampled_from(IDS), st.sampled_from(["* * * * *", "*/7 2 * * *", "59 23 * * *"]))
def test_schedule_shifted_stays_within_its_hour_and_is_the_same_each_time(name: str, cron: str):
    shifted = shift_cron(cron, name)
    assert shifted == shift_cron(cron, name)
    assert shifted.split()[1:5] == cron.split()[1:]
    assert croniter.is_valid(shifted)


def _moments(cron: str, end: dt.datetime):
    found = croniter(cron, START - dt.timedelta(seconds=1))
    while (moment := found.get_next(dt.datetime)) < end:
        yield moment
