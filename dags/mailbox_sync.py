"""One DAG per connected mailbox, from the registry's snapshot on disk.

verify_imap -> plan -> fetch (one task per folder slice) -> match -> check -> publish
verify_smtp    (stands alone: broken sending shows red, and reading goes on)
"""

import datetime as dt
import inspect
from collections.abc import Callable
from typing import Any

from airflow.sdk import DAG, task
from airflow.task.trigger_rule import TriggerRule

from mailcrm_dags import tasks
from mailcrm_dags.assets import mailbox_asset
from mailcrm_dags.form import mailbox_params
from mailcrm_dags.registry import MailboxEntry, entries_to_parse
from mailcrm_dags.retries import RETRIES, ErrorClassPolicy

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

DOC = """### {name}
{address}, folders {folders}. {state}

Each run reads what is new inside its window, recognises duplicates, matches messages to
contacts, checks the batch, and only then publishes it. *Trigger* asks for the window and the
folders; leave a field empty to keep the mailbox's own setting. Running again repairs whatever a
run left open, and publishes nothing twice.

`verify_smtp` stands alone: while it is red, mail is still read."""

BROKEN_DOC = """### This mailbox cannot run
{problem}

Correct the registry file and add it again: `mailcrm mailbox add FILE.yaml`. Other mailboxes are
not affected."""


def declare(function: Callable[..., Any], minutes: int, **options: Any) -> Any:
    """Make a task of one of our functions: its name, its docstring, a timeout, one XCom."""
    options.setdefault("task_id", function.__name__)
    return task(
        execution_timeout=dt.timedelta(minutes=minutes),
        doc_md=inspect.getdoc(function),
        multiple_outputs=False,
        **options,
    )(function)


def build_mailbox_dag(entry: MailboxEntry) -> DAG:
    """Declare the DAG of one mailbox; a paused one keeps its DAG and loses its schedule."""
    with DAG(
        dag_id=entry.dag_id,
        dag_display_name=f"{entry.display_name or entry.mailbox_id} ({entry.address})",
        description=f"Syncs {entry.address} into the CRM",
        doc_md=DOC.format(
            name=entry.display_name or entry.mailbox_id,
            address=entry.address,
            folders=", ".join(f"`{folder}`" for folder in entry.folders) or "INBOX",
            state="" if entry.is_active else f"**{entry.state.capitalize()}: runs are skipped.**",
        ),
        schedule=entry.schedule if entry.is_active else None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        auto_register=False,  # a DAG that fails to build leaves nothing behind
        tags={"mailcrm", "mailbox", entry.state},
        params=mailbox_params(),
        default_args={"owner": "mailcrm", "retry_policy": ErrorClassPolicy(), **RETRIES},
    ) as dag:
        verified = declare(tasks.verify, 5, task_id="verify_imap")(entry.mailbox_id, "imap")
        declare(tasks.verify, 5, task_id="verify_smtp")(entry.mailbox_id, "smtp")
        planned = declare(tasks.plan, 60)(entry.mailbox_id)
        fetched = declare(
            tasks.fetch, 120, map_index_template="{{ task.op_kwargs['part']['label'] }}"
        ).expand(part=planned)
        # A broken folder must not stop the others: one slice that came through is enough.
        matched = declare(tasks.match, 60, trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)()
        checked = declare(tasks.check, 60)()
        published = declare(tasks.publish, 60, outlets=[mailbox_asset(entry.mailbox_id)])()
        verified >> planned >> fetched >> matched >> checked >> published
    dag.validate()  # type: ignore[no-untyped-call]
    return dag


def build_placeholder(mailbox_id: str, problem: str) -> DAG:
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


for entry in entries_to_parse():
    if entry.problem is not None:
        globals()[entry.dag_id] = build_placeholder(entry.mailbox_id, entry.problem)
        continue
    try:
        globals()[entry.dag_id] = build_mailbox_dag(entry)
    except Exception as error:  # a broken entry must not take the others down
        globals()[entry.dag_id] = build_placeholder(entry.mailbox_id, f"{error}"[:500])
