"""The glue's own decisions: retries by error class, and what the form's answers mean."""

import datetime as dt
import os
import tempfile

import pytest

from mailcrm.errors import (
    ChecksFailedError,
    ImapCredentialError,
    ServerUnreachableError,
    SettingsError,
    StoreBusyError,
    ThrottledError,
)

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="mailcrm-airflow-"))

from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferred

from mailcrm_dags.declare import declare
from mailcrm_dags.form import read_folders, read_midnight
from mailcrm_dags.operators import MOST_PAUSES
from mailcrm_dags.retries import LONGEST_WAIT, ErrorClassPolicy
from mailcrm_dags.runs import check_params

UNREACHABLE = ServerUnreachableError(protocol="imap", host="h", port=993, detail="timed out")
PERMANENT = [
    ImapCredentialError(mailbox_id="sales", reason="rejected"),
    SettingsError(where="file", problem="wrong"),
    ChecksFailedError(batch_id="b", failed="balance"),
]


def throttled(seconds: float) -> ThrottledError:
    """A server that asks us to wait."""
    return ThrottledError(protocol="imap", host="h", retry_after_s=seconds, detail="slow down")


def decide(error: BaseException):
    """What the policy says on the first try."""
    return ErrorClassPolicy().evaluate(error, try_number=1, max_tries=4)


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_policy_permanent_error_fails_at_once_and_says_why(error: Exception):
    decision = decide(error)
    assert (decision.action.value, decision.reason) == ("fail", str(error))


@pytest.mark.parametrize("error", [UNREACHABLE, StoreBusyError(detail="locked")])
def test_policy_transient_error_is_retried_with_the_tasks_own_pauses(error: Exception):
    decision = decide(error)
    assert (decision.action.value, decision.retry_delay) == ("retry", None)


def test_policy_throttled_waits_as_long_as_the_server_asks():
    assert decide(throttled(90)).retry_delay == dt.timedelta(seconds=90)


def test_policy_throttled_for_days_waits_at_most_the_limit():
    assert decide(throttled(9_999_999)).retry_delay == LONGEST_WAIT


def test_policy_unknown_error_follows_the_tasks_retries():
    assert decide(ValueError("a bug")).action.value == "default"


def test_policy_survives_serialization():
    policy = ErrorClassPolicy()
    assert isinstance(ErrorClassPolicy.deserialize(policy.serialize()), ErrorClassPolicy)


def test_form_date_is_that_days_utc_midnight():
    assert read_midnight({"since": "2026-11-15"}, "since") == dt.datetime(
        2026, 11, 15, tzinfo=dt.UTC
    )


@pytest.mark.parametrize("value", [None, ""])
def test_form_date_left_empty_is_none(value: str | None):
    assert read_midnight({"since": value}, "since") is None


def test_form_date_that_is_none_names_the_param():
    with pytest.raises(SettingsError, match="param until"):
        read_midnight({"until": "soon"}, "until")


@pytest.mark.parametrize("value", [None, [], ["", " "]])
def test_form_folders_left_empty_is_none(value: list[str] | None):
    assert read_folders({"folders": value}) is None


def test_form_folders_are_stripped():
    assert read_folders({"folders": [" INBOX ", "Sent"]}) == ("INBOX", "Sent")


def ask() -> str:
    """A server that always asks for a pause."""
    raise throttled(90)


@pytest.fixture
def patient():
    with DAG("patience", schedule=None):
        return declare(ask, 1)().operator


@pytest.mark.parametrize("pauses", [0, MOST_PAUSES - 1])
def test_task_throttled_is_deferred_as_long_as_the_server_asks(patient, pauses: int):
    with pytest.raises(TaskDeferred) as deferred:
        patient.execute_again({}, pauses=pauses)
    assert deferred.value.kwargs == {"pauses": pauses + 1}
    assert deferred.value.method_name == "execute_again"
    until = deferred.value.trigger.moment
    assert abs(until - dt.datetime.now(dt.UTC) - dt.timedelta(seconds=90)).total_seconds() < 30


def test_task_throttled_too_often_in_a_row_fails_with_the_servers_words(patient):
    with pytest.raises(ThrottledError, match="slow down"):
        patient.execute_again({}, pauses=MOST_PAUSES)


class Run:
    """The part of a DAG run that params are checked by."""

    def __init__(self, conf: dict[str, object] | None) -> None:
        self.conf = conf


@pytest.mark.parametrize("conf", [None, {}, {"since": "2026-11-01", "round_trip": True}])
def test_params_that_exist_are_taken(conf: dict[str, object] | None):
    check_params({"dag_run": Run(conf)})


def test_params_that_nobody_reads_are_refused_by_name():
    with pytest.raises(SettingsError, match="unknown: sinse; known are since, until"):
        check_params({"dag_run": Run({"sinse": "2026-11-01"})})
