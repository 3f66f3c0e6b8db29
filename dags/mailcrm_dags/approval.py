"""The task `approve`: a person signs off a wider window, with what there is to decide by.

It runs only where `verify_imap` found that the mailbox's policy may ask for it, before anything
is listed or leased: a run that waits for days harms nothing and holds nothing.
"""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from mailcrm_dags.links import quality_url
from mailcrm_dags.runs import asked_window, our_run_id
from mailcrm_dags.work import with_services

if TYPE_CHECKING:
    from mailcrm.records.approval import ApprovalRequest

__all__ = ["ANSWER_WITHIN", "MailboxApproval"]

# Later answers are none: the run ends without having read anything.
ANSWER_WITHIN = dt.timedelta(hours=12)

BODY = """\
**{mailbox}**: {since} to {until}, {folders}

{reasons}

| what the window holds | |
|---|---|
| messages | {messages} |
| of them not read yet | **{news}**, about {megabytes:.1f} MB |
| expected to take | about {duration} |
{by_folder}

| matching on this mailbox so far | |
|---|---|
| matched | {matched} |
| ambiguous, possible | {ambiguous}, {possible} |
| unmatched | {unmatched} |
| automatic links that people judged | {reviewed} |
| precision of those | {precision} |

Links to look at, the least sure first ([match quality]({quality})):
{sample}

Approve: the window is read. Reject, or no answer within {hours} hours: nothing is read."""


class MailboxApproval(ApprovalOperator):
    """Asks a person, unless the policy lets the window pass; either is kept in our tables."""

    def __init__(self, *, mailbox_id: str, **options: Any) -> None:
        """Declare it for one mailbox; the question is made when the task runs."""
        super().__init__(
            subject=f"Read a wider window of mailbox {mailbox_id}?",
            body="",
            defaults=self.REJECT,
            response_timeout=ANSWER_WITHIN,
            **options,
        )
        self.mailbox_id = mailbox_id

    def execute(self, context: Any) -> Any:
        """Count what the window holds, and ask or pass."""
        from mailcrm.services.approval import prepare_request

        window = asked_window(context)
        run_id = our_run_id(self.mailbox_id, context)
        request = with_services(
            lambda services: prepare_request(services, self.mailbox_id, run_id, *window)
        )
        if request.state.value == "approved":
            self.log.info("approval.passed by=%s", request.decided_by)
            return {"approved": True, "by": request.decided_by}
        if request.state.value != "waiting":  # answered before this task was tried again
            self.log.warning("approval.%s: nothing is read", request.state.value)
            self.skip(ti=context["ti"], tasks=context["task"].get_direct_relatives(upstream=False))
        self.body = _body(request)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep who answered what; a rejection skips everything that reads."""
        from mailcrm.records.approval import ApprovalState, ApprovalWay
        from mailcrm.services.approval import decide_request

        run_id = our_run_id(self.mailbox_id, context)
        if event.get("timedout"):
            state, by = ApprovalState.TIMED_OUT, "nobody"
        else:
            is_yes = event.get("chosen_options") == [self.APPROVE]
            state = ApprovalState.APPROVED if is_yes else ApprovalState.REJECTED
            by = _name(event.get("responded_by_user"))
        with_services(
            lambda services: decide_request(services, run_id, state, ApprovalWay.PERSON, by)
        )
        if state is not ApprovalState.APPROVED:
            self.log.warning("approval.%s by=%s: nothing is read", state.value, by)
        super().execute_complete(context, event)
        return {"approved": state is ApprovalState.APPROVED, "by": by, "state": state.value}


def _body(request: "ApprovalRequest") -> str:
    preview, audit, until = request.preview, request.audit, request.window.until
    if preview is None or audit is None:
        return "\n".join(request.reasons)
    return BODY.format(
        mailbox=request.mailbox_id,
        since=f"{request.window.since:%Y-%m-%d}",
        until=f"{until:%Y-%m-%d}" if until else "now",
        folders=", ".join(f"`{name}`" for name in request.folders or ()) or "its own folders",
        reasons="\n".join(f"- {reason}" for reason in request.reasons),
        messages=preview.messages,
        news=preview.news,
        megabytes=preview.news_bytes / 1e6,
        duration=_duration(preview.seconds),
        by_folder="\n".join(
            f"| in `{_cell(name)}` | {count}, {size / 1e6:.1f} MB |"
            for name, count, size in preview.folders
        ),
        **{name: audit.count(name) for name in ("matched", "ambiguous", "possible", "unmatched")},
        reviewed=audit.reviewed,
        precision=(
            "nobody judged any yet"
            if audit.precision is None
            else f"{audit.precision:.1%} (95 %: {audit.low:.1%} to {audit.high:.1%})"
        ),
        sample="\n".join(
            f"- message `{link.message_key}` on contact `{_cell(link.contact_id)}` by "
            f"`{link.rule}`, score {link.score:.2f}"
            for link in audit.sample
        )
        or "- none yet",
        quality=quality_url(),
        hours=int(ANSWER_WITHIN.total_seconds() // 3600),
    )


def _cell(text: str) -> str:
    """Text from elsewhere inside a table's code span."""
    return text.replace("|", "/").replace("`", "'")[:80]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _name(user: Any) -> str:
    """Who answered, as Airflow knows them."""
    if isinstance(user, Mapping):
        return str(user.get("name") or user.get("id") or "unknown")
    return str(getattr(user, "name", None) or getattr(user, "id", None) or "unknown")
