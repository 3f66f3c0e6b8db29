"""Sign-offs of windows, on SQLite and PostgreSQL."""

import datetime as dt

import pytest

from mailcrm.adapters.crm_database.approvals import ApprovalTables
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.crm_database.ledger import LedgerTables
from mailcrm.adapters.crm_database.mailbox_pages import MailboxPageTables
from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.crm_database.overview import OverviewTables
from mailcrm.records import Window
from mailcrm.records.approval import (
    ApprovalRequest,
    ApprovalState,
    ApprovalWay,
    MatchAudit,
    SampleLink,
    WindowPreview,
)

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
REQUEST = ApprovalRequest(
    run_id="sales/manual__1",
    mailbox_id="sales",
    window=Window(NOW - dt.timedelta(days=40)),
    folders=("INBOX",),
    reasons=("too wide",),
    preview=WindowPreview(10, 5000, 8, 4000, 0.2, (("INBOX", 10, 5000),)),
    audit=MatchAudit((("matched", 3),), 2, 1, (SampleLink("k", "C-1", "exact", 0.9),), 0.5, 0, 1),
)


@pytest.fixture
def tables(database_url: str) -> ApprovalTables:
    engine = make_engine(database_url)
    upgrade(engine)
    return ApprovalTables(engine)


def test_request_is_kept_whole_and_waits(tables: ApprovalTables):
    tables.write_request(REQUEST, NOW)
    assert tables.read_request(REQUEST.run_id) == REQUEST
    assert tables.list_requests("sales") == [REQUEST]
    assert tables.read_request("sales/other") is None


def test_decision_that_came_first_stays_whatever_is_asked_again(tables: ApprovalTables):
    tables.write_request(REQUEST, NOW)
    kinds = ApprovalState.REJECTED, ApprovalWay.PERSON
    tables.write_decision(REQUEST.run_id, *kinds, "ann", NOW)
    tables.write_decision(REQUEST.run_id, ApprovalState.APPROVED, ApprovalWay.POLICY, "policy", NOW)
    tables.write_request(REQUEST, NOW + dt.timedelta(hours=1))
    found = tables.read_request(REQUEST.run_id)
    assert found is not None
    assert (found.state, found.way, found.decided_by) == (*kinds, "ann")
    assert found.decided_at == NOW


def test_mailbox_without_history_has_neither_audit_pace_nor_coverage(tables: ApprovalTables):
    assert tables.read_audit("sales", 10) == MatchAudit((), 0, 0)
    assert tables.read_pace("sales") is None
    assert tables.read_coverage("sales") == {}


def test_coverage_of_a_folder_numbered_anew_counts_nowhere(database_url: str):
    engine = make_engine(database_url)
    upgrade(engine)
    ledger = LedgerTables(engine)
    found = []
    for run_id, uidvalidity in (("r1", 7), ("r2", 8)):
        lease = ledger.take_lease("sales", run_id, Window(NOW - dt.timedelta(days=40), NOW), NOW)
        inbox = ledger.open_generation(lease, "INBOX", uidvalidity, NOW)
        ledger.write_counts(lease, inbox.generation_id, 0, 0)
        # The second run ends before it has read the folder.
        ledger.finish_run(lease, "nothing_new" if run_id == "r1" else "failed", NOW)
        coverage = (
            ApprovalTables(engine).read_coverage("sales"),
            MailboxPageTables(engine).read_cards(["sales"])["sales"].coverage,
            OverviewTables(engine).read_mailbox_status("sales")["coverage"],
        )
        found.append([bool(one) for one in coverage])
    assert found == [[True] * 3, [False] * 3]
    engine.dispose()
