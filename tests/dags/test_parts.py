"""Several deployments of Airflow over one registry: each mailbox is in exactly one of them."""

import dataclasses
import datetime as dt
import json
from pathlib import Path

import pytest

from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.errors import SettingsError
from servers.mailboxes import make_mailbox

MAILBOXES = [f"box{number}" for number in range(40)]
PARTS = 3


def fill(url: str) -> None:
    """A registry of forty mailboxes."""

    engine = make_engine(url)
    upgrade(engine)
    for name in MAILBOXES:
        mailbox = dataclasses.replace(make_mailbox(address=f"{name}@acme.example"), id=name)
        RegistryTables(engine).write_mailbox(mailbox, dt.datetime.now(dt.UTC))
    engine.dispose()


def mailboxes_of(folder: Path) -> list[str]:
    """What the shards of one deployment hold."""
    return [
        row["id"]
        for path in sorted(folder.glob("**/mailboxes_*.json"))
        for row in json.loads(path.read_text())
    ]


def test_parts_divide_the_registry_without_gap_or_overlap(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mailcrm_dags.bundle import RegistryDagBundle

    fill(sqlite_url)
    monkeypatch.setenv("MAILCRM_DATABASE_URL", sqlite_url)
    # As in a task whose mailbox the files do not know yet: they are written without Airflow's help.
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "mailbox__unknown")
    found = []
    for part in range(PARTS):
        place = tmp_path / f"deployment{part}"
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(place))
        RegistryDagBundle(name="mailboxes", part=part, parts=PARTS).initialize()
        found.append(mailboxes_of(place))
    assert sorted(name for names in found for name in names) == sorted(MAILBOXES)
    assert min(map(len, found)) > len(MAILBOXES) / PARTS / 3


@pytest.mark.parametrize("part", [-1, 3])
def test_parts_one_that_does_not_exist_is_refused(part: int) -> None:
    from mailcrm_dags.bundle import RegistryDagBundle

    with pytest.raises(SettingsError, match="part"):
        RegistryDagBundle(name="mailboxes", part=part, parts=PARTS)
