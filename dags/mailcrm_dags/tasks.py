"""The tasks of a mailbox's DAG: each calls one service, and passes on ids and counts only.

Services are imported inside the functions: DAG files import this module whenever they are
parsed, and the services' libraries cost more than the parsing itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from mailcrm.errors import FencedError, PermanentError, SettingsError, UnknownMailboxError
from mailcrm.records import Direction, FolderSlice, Lease
from mailcrm_dags.assets import emit_counts
from mailcrm_dags.runs import asked_window, check_params, our_run_id
from mailcrm_dags.work import with_services

if TYPE_CHECKING:
    from mailcrm.services.wiring import Services

__all__ = ["check", "explain_problem", "fetch", "match", "plan", "publish", "verify"]

Result = TypeVar("Result")

LEASE_KEY = "lease"
APPROVE = "approve"


def verify(mailbox_id: str, direction: str) -> dict[str, Any]:
    """Log in once to this direction's server and check what syncing needs of it.

    Red with the server's own words and what to change. A refused login is not tried again.
    """
    from mailcrm.services.approval import may_need_approval
    from mailcrm.services.verify import raise_unless_usable, run_verify

    asked = Direction(direction)
    context = get_current_context()
    wants_trip = asked is Direction.SMTP and bool(context["params"].get("round_trip"))
    request = our_run_id(mailbox_id, context)
    check_params(context)
    window = asked_window(context)

    def run(services: "Services") -> tuple[dict[str, Any], bool]:
        _require_active(services, mailbox_id)
        result = run_verify(services, mailbox_id, [asked])[asked]
        raise_unless_usable(mailbox_id, result)
        found = {"state": result.state.value, "stage": result.stage, "advice": result.advice}
        if wants_trip:
            found["round_trip"] = _round_trip(services, mailbox_id, request)
        asks = asked is Direction.IMAP and may_need_approval(services, mailbox_id, *window)
        return found, asks

    found, asks = with_services(run)
    if asked is Direction.IMAP and not asks:
        # Skipped from here, so that a run of the mailbox's own window does not even start it.
        context["ti"].xcom_push(key="return_value", value=found)
        raise DownstreamTasksSkipped(tasks=[APPROVE])  # type: ignore[no-untyped-call]
    return found


def _round_trip(services: "Services", mailbox_id: str, request: str) -> str:
    """Send the run's one test message, or look for it; red where it shows something wrong."""
    from mailcrm.services.round_trip import run_round_trip

    trip = run_round_trip(services, mailbox_id, request)
    if trip.state.value in ("refused", "arrived_with_other_identity"):
        problem = f"round trip {trip.state.value}: {trip.detail}"
        raise SettingsError(where=f"mailbox {mailbox_id}", problem=problem)
    return trip.state.value


def plan(mailbox_id: str) -> list[dict[str, Any]]:
    """List the window on the server, compare with the ledger, and slice what is new.

    One slice is one fetch task. No slice: nothing new, and everything after this is skipped.
    """
    from mailcrm.services.plan import run_plan
    from mailcrm.services.publish import read_summary
    from mailcrm.services.slices import label_slice

    context = get_current_context()
    run_id = our_run_id(mailbox_id, context)
    check_params(context)
    window = asked_window(context)
    # Airflow maps no more; what is left stays open, newest first, for the next run.
    limit = conf.getint("core", "max_map_length", fallback=1024)

    def run(services: "Services") -> tuple[Lease, list[dict[str, Any]]]:
        result = run_plan(services, mailbox_id, run_id, *window)
        if not result.slices:  # nothing follows that could turn red for what is still open
            read_summary(services, run_id).raise_unless_complete()
        slices = result.slices[:limit]
        return result.lease, [{"label": label_slice(services, s), **asdict(s)} for s in slices]

    lease, slices = with_services(run)
    context["ti"].xcom_push(key=LEASE_KEY, value=asdict(lease))
    return slices


def fetch(part: Mapping[str, Any]) -> dict[str, Any]:
    """Read one slice of one folder, parse it, and stage it. Harms no other slice."""
    from mailcrm.services.fetch import run_fetch

    values = {name: value for name, value in part.items() if name != "label"}
    folder_slice, lease = FolderSlice(**values), _lease()
    return _counts(with_services(lambda s: run_fetch(s, lease, folder_slice)))


def match() -> dict[str, Any]:
    """Recognise duplicates, join conversations, and decide which contacts took part.

    Runs once every slice is done and at least one came through.
    """
    from mailcrm.services.match import run_match

    lease = _lease()
    return _counts(_close_on_failure(lease, lambda services: run_match(services, lease)))


def check() -> dict[str, Any]:
    """Take unfit rows into quarantine and validate the staged batch (Great Expectations)."""
    from mailcrm.services.check import run_check

    lease = _lease()
    report = _close_on_failure(lease, lambda services: run_check(services, lease))
    return {
        "checks": len(report.results),
        "failed": list(report.failed),
        "held": report.held,
    }


def publish() -> dict[str, Any]:
    """Publish exactly the batch that passed, in one transaction, and close the certificate.

    Red after publishing when messages are still open: the next run repairs that.
    """
    from mailcrm.services.publish import run_publish

    lease = _lease()
    summary = _close_on_failure(lease, lambda services: run_publish(services, lease))
    certificate = summary.certificate
    counts: dict[str, str | int] = {
        "run_id": lease.run_id,
        "batch_id": lease.batch_id,
        "state": summary.state,
        "listed": certificate.total("listed"),
        "published": certificate.total("published"),
        "duplicate": certificate.total("duplicate"),
        "quarantined": certificate.total("quarantined"),
    }
    emit_counts(lease.mailbox_id, counts)
    return counts


def explain_problem(where: str, problem: str) -> None:
    """Fail with what is wrong in the registry; nothing else can be done for this entry."""
    raise SettingsError(where=where, problem=problem)


def _close_on_failure(lease: Lease, run: "Callable[[Services], Result]") -> Result:
    """As `with_services`; an error that is not tried again also marks the run as failed."""
    from mailcrm.services.publish import close_failed

    def guarded(services: "Services") -> Result:
        try:
            return run(services)
        except FencedError:
            raise
        except PermanentError:
            close_failed(services, lease)
            raise

    return with_services(guarded)


def _require_active(services: "Services", mailbox_id: str) -> None:
    try:
        mailbox = services.registry.read_mailbox(mailbox_id)
    except UnknownMailboxError as error:
        raise AirflowSkipException(f"{error}; nothing to do") from None
    if mailbox.state.value != "active":
        raise AirflowSkipException(
            f"mailbox {mailbox_id} is {mailbox.state.value}; "
            f"`mailcrm mailbox resume {mailbox_id}` starts it again"
        )


def _lease() -> Lease:
    # Pulled, not passed: an edge from plan would count as a success in match's trigger rule.
    values = get_current_context()["ti"].xcom_pull(task_ids="plan", key=LEASE_KEY)
    return Lease(**values)


def _counts(result: Any) -> dict[str, Any]:
    """A result record as plain values, without texts from mail."""
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in asdict(result).items()
    }
