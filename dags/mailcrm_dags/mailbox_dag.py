"""One DAG per connected mailbox, from a shard that the bundle wrote.

verify_imap -> [approve] -> plan -> fetch (one task per folder slice) -> match -> check -> publish
verify_smtp    (stands alone: broken sending shows red, and reading goes on)
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import DAG
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.definitions.param import ParamsDict
from airflow.task.trigger_rule import TriggerRule

from mailcrm_dags import tasks
from mailcrm_dags.approval import MailboxApproval
from mailcrm_dags.assets import mailbox_asset
from mailcrm_dags.callbacks import tell_stale
from mailcrm_dags.declare import START, declare
from mailcrm_dags.form import mailbox_params
from mailcrm_dags.links import mailbox_url
from mailcrm_dags.operators import RunOperator, VerifyOperator
from mailcrm_dags.registry import MailboxEntry, entries_to_parse
from mailcrm_dags.retries import RETRIES, ErrorClassPolicy
from mailcrm_dags.schedules import mailbox_schedule

__all__ = ["build_dags"]

# Slices of one run that are read side by side; fewer where the provider allows fewer.
MOST_FETCHES = 4
# What is short and comes first in the queue of a pool, and what may be long.
FIRST, LAST = 10, 1

DOC = """### {name}
{address}, folders {folders}. {state}

Each run reads what is new inside its window, recognises duplicates, matches messages to
contacts, checks the batch, and only then publishes it. *Trigger* asks for the window and the
folders; leave a field empty to keep the mailbox's own setting. Running again repairs whatever a
run left open, and publishes nothing twice.

`verify_smtp` stands alone: while it is red, mail is still read."""

APPROVE_DOC = """Ask a person before a window is read that exceeds the mailbox's policy.

Shows what the window holds, and how right matching was so far. Rejected, or not answered in
time: nothing is read."""

BROKEN_DOC = """### This mailbox cannot run
{problem}

Correct the registry file and add it again: `mailcrm mailbox add FILE.yaml`. Other mailboxes are
not affected."""


def build_dags(path: Path) -> Mapping[str, DAG]:
    """The DAGs of one shard by id; in a task only its own. A broken entry gets a placeholder."""
    dags: dict[str, DAG] = {}
    for entry in entries_to_parse(path):
        problem = entry.problem
        if problem is None:
            try:
                dags[entry.dag_id] = _build_dag(entry)
            except Exception as error:  # a broken entry must not take the others down
                problem = f"{error}"[:500]
        if problem is not None:
            dags[entry.dag_id] = _build_placeholder(entry.mailbox_id, problem)
    return dags


def _build_dag(entry: MailboxEntry) -> DAG:
    """Declare the DAG of one mailbox; a paused one keeps its DAG and loses its schedule."""
    name = entry.display_name or entry.mailbox_id
    folders = ", ".join(f"`{folder}`" for folder in entry.folders) or "INBOX"
    state = "" if entry.is_active else f"**{entry.state.capitalize()}: runs are skipped.**"
    with DAG(
        dag_id=entry.dag_id,
        dag_display_name=f"{name} ({entry.address})",
        description=f"Syncs {entry.address} into the CRM",
        doc_md=DOC.format(name=name, address=entry.address, folders=folders, state=state),
        schedule=mailbox_schedule(entry),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        auto_register=False,  # a DAG that fails to build leaves nothing behind
        tags=_tags(entry),
        deadline=_deadline(entry),
        default_args={
            "owner": entry.team or "mailcrm",
            "retry_policy": ErrorClassPolicy(),
            "weight_rule": "absolute",
            "priority_weight": FIRST,
            **RETRIES,
        },
        owner_links={entry.team or "mailcrm": mailbox_url(entry.mailbox_id)},
    ) as dag:
        _declare_flow(entry)
    # Given to the DAG after its tasks: each would inherit a copy, which Airflow checks against
    # its schema several times. A task sees the DAG's params all the same.
    dag.params = ParamsDict(mailbox_params())
    dag.timetable.validate()
    return dag


def _declare_flow(entry: MailboxEntry) -> None:
    pool: dict[str, Any] = {"pool": entry.pool}
    login: dict[str, Any] = {**pool, "operator": VerifyOperator}
    report: dict[str, Any] = {"operator": RunOperator}
    verified = declare(tasks.verify, 5, task_id="verify_imap", **login)(entry.mailbox_id, "imap")
    declare(tasks.verify, 5, task_id="verify_smtp", **login)(entry.mailbox_id, "smtp")
    approved = MailboxApproval(
        task_id=tasks.APPROVE,
        mailbox_id=entry.mailbox_id,
        execution_timeout=dt.timedelta(minutes=60),
        doc_md=APPROVE_DOC,
        **pool,
    )
    # `approve` is skipped in all runs but those whose window exceeds the mailbox's policy.
    planned = declare(
        tasks.plan, 60, trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, **pool, **report
    )(entry.mailbox_id)
    fetched = declare(
        tasks.fetch,
        120,
        map_index_template="{{ task.op_kwargs['part']['label'] }}",
        max_active_tis_per_dagrun=max(1, min(MOST_FETCHES, (entry.connections or 99) - 1)),
        priority_weight=LAST,
        **pool,
    ).expand(part=planned)
    # A broken folder must not stop the others: one slice that came through is enough.
    matched = declare(tasks.match, 60, trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)()
    checked = declare(tasks.check, 60)()
    published = declare(tasks.publish, 60, **report, outlets=[mailbox_asset(entry.mailbox_id)])()
    verified >> [approved, planned]
    approved >> planned >> fetched >> matched >> checked >> published


def _deadline(entry: MailboxEntry) -> DeadlineAlert | None:
    """People are told where a run does not end well within the mailbox's `freshness`."""
    if entry.freshness_s is None or not entry.is_active:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=dt.timedelta(seconds=entry.freshness_s),
        callback=AsyncCallback(tell_stale, {"mailbox_id": entry.mailbox_id}),
    )


def _tags(entry: MailboxEntry) -> set[str]:
    """What to filter the list of DAGs by: state, provider and team."""
    tags = {"mailcrm", "mailbox", entry.state}
    tags |= {f"provider:{entry.provider}"[:100]} if entry.provider else set()
    return tags | ({f"team:{entry.team}"[:100]} if entry.team else set())


def _build_placeholder(mailbox_id: str, problem: str) -> DAG:
    """Declare a DAG that only says what is wrong with an entry, so that nobody misses it."""
    with DAG(
        dag_id=f"mailbox__{mailbox_id}",
        description="This registry entry is broken",
        doc_md=BROKEN_DOC.format(problem=problem),
        schedule=None,
        start_date=START,
        catchup=False,
        auto_register=False,
        tags={"mailcrm", "mailbox", "broken"},
        default_args={"owner": "mailcrm", "retries": 0},
    ) as dag:
        declare(tasks.explain_problem, 1)(f"mailbox {mailbox_id}", problem)
    return dag
