"""The sign-off of a wider window: who must be asked, what they see, and what they said."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence

from mailcrm.backfill import approval_reasons, resolve_folders, uncovered_days
from mailcrm.records import FolderEntry, Window
from mailcrm.records.approval import (
    ApprovalRequest,
    ApprovalState,
    ApprovalWay,
    MatchAudit,
    WindowPreview,
)
from mailcrm.services.plan import mailbox_window
from mailcrm.services.preview import Preview, run_preview
from mailcrm.services.wiring import Services

__all__ = ["decide_request", "may_need_approval", "prepare_request", "sign_off"]

logger = logging.getLogger(__name__)

SAMPLE_SIZE = 10
# Messages a second, before the mailbox has a pace of its own.
FIRST_PACE = 50.0


def may_need_approval(
    services: Services,
    mailbox_id: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    folders: Sequence[str] | None,
) -> bool:
    """Whether a window that somebody asked for has to be looked at; asks no server.

    A run that names no window takes the mailbox's own, which needs no sign-off.

    Raises:
        UnknownMailboxError, SettingsError, StoreBusyError
    """
    if since is None and until is None:
        return False
    mailbox = services.registry.read_mailbox(mailbox_id)
    policy = mailbox.approval
    if policy.over_days is None and policy.over_messages is None:
        return False
    covered = services.approvals.read_coverage(mailbox.id)
    names = _read_folders(folders or mailbox.folders, covered)
    days = _open_days(services, mailbox_window(services, mailbox, since, until), names, covered)
    reviewed = services.approvals.read_audit(mailbox_id, 0).reviewed
    # As if there were more messages than any limit: only the server knows.
    most = None if policy.over_messages is None else policy.over_messages + 1
    return bool(approval_reasons(policy, days, most, reviewed))


def prepare_request(
    services: Services,
    mailbox_id: str,
    run_id: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    folders: Sequence[str] | None,
) -> ApprovalRequest:
    """Count on the server what the window holds, and keep what there is to decide.

    Where no limit is exceeded the policy signs off, and the request says so.

    Raises:
        As `run_preview`.
    """
    mailbox = services.registry.read_mailbox(mailbox_id)
    found = run_preview(services, mailbox_id, since, until, folders)
    preview = _summarise(found, services.approvals.read_pace(mailbox_id) or FIRST_PACE)
    audit = _with_precision(services.approvals.read_audit(mailbox_id, SAMPLE_SIZE))
    names = [folder.folder for folder in found.folders]
    covered = services.approvals.read_coverage(mailbox.id)
    days = _open_days(services, found.window, names, covered)
    request = ApprovalRequest(
        run_id=run_id,
        mailbox_id=mailbox_id,
        window=found.window,
        folders=None if folders is None else tuple(folders),
        reasons=approval_reasons(mailbox.approval, days, preview.news, audit.reviewed),
        preview=preview,
        audit=audit,
    )
    services.approvals.write_request(request, services.clock.now())
    if not request.reasons:
        decide_request(services, run_id, ApprovalState.APPROVED, ApprovalWay.POLICY, "policy")
    return services.approvals.read_request(run_id) or request


def decide_request(
    services: Services, run_id: str, state: ApprovalState, way: ApprovalWay, by: str
) -> None:
    """Keep who decided, and what; the first decision stays."""
    services.approvals.write_decision(run_id, state, way, by, services.clock.now())
    logger.info("approval.decided run=%s state=%s way=%s", run_id, state.value, way.value)


def sign_off(
    services: Services,
    mailbox_id: str,
    run_id: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    folders: Sequence[str] | None,
    by: str,
) -> None:
    """Keep that a command named its own window; being typed, it is the sign-off."""
    mailbox = services.registry.read_mailbox(mailbox_id)
    request = ApprovalRequest(
        run_id=run_id,
        mailbox_id=mailbox_id,
        window=mailbox_window(services, mailbox, since, until),
        folders=None if folders is None else tuple(folders),
        reasons=(),
    )
    services.approvals.write_request(request, services.clock.now())
    decide_request(services, run_id, ApprovalState.APPROVED, ApprovalWay.COMMAND_LINE, by)


def _read_folders(configured: Sequence[str], covered: Iterable[str]) -> tuple[str, ...]:
    """Which folders they are, as far as can be said without the server.

    One that was never read, or that only the server can tell, keeps the name that it was given,
    and so counts as all open: then the server is asked.
    """
    entries = [FolderEntry(name, frozenset(), selectable=True) for name in covered]
    found, unknown = resolve_folders(configured, entries)
    return found + unknown


def _open_days(
    services: Services,
    window: Window,
    names: Iterable[str],
    covered: Mapping[str, Sequence[tuple[dt.datetime, dt.datetime]]],
) -> int:
    read = {name: covered.get(name, ()) for name in names}
    return uncovered_days(window, read, services.clock.now())


def _summarise(found: Preview, pace: float) -> WindowPreview:
    messages = sum(folder.messages for folder in found.folders)
    size_bytes = sum(folder.size_bytes for folder in found.folders)
    news = messages - sum(folder.already_covered for folder in found.folders)
    return WindowPreview(
        messages=messages,
        size_bytes=size_bytes,
        news=news,
        news_bytes=size_bytes * news // messages if messages else 0,
        seconds=round(news / pace, 1),
        folders=tuple((f.folder, f.messages, f.size_bytes) for f in found.folders),
    )


def _with_precision(audit: MatchAudit) -> MatchAudit:
    from mailcrm.services.evaluate.scores import rate_of  # with all of `evaluate`, rarely needed

    rate = rate_of(audit.right, audit.reviewed)
    return dataclasses.replace(audit, precision=rate.value, low=rate.low, high=rate.high)
