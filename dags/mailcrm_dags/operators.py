"""Our tasks' operator: a server that asks for a pause gets it, without holding a worker."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.bases.decorator import task_decorator_factory
from airflow.sdk.bases.operator import ExecutorSafeguard

from mailcrm.errors import ThrottledError
from mailcrm_dags.links import CertificateLink, MailboxLink, RunLink
from mailcrm_dags.retries import LONGEST_WAIT

__all__ = ["RunOperator", "VerifyOperator", "patient_task"]

# So many pauses in a row; then the task's retries, and at last a person.
MOST_PAUSES = 8


class PatientOperator(_PythonDecoratedOperator):
    """A decorated function that is deferred for as long as a server asks, and called again."""

    custom_operator_name = "@mailcrm"

    def execute(self, context: Any) -> Any:
        """Call the function."""
        return self.execute_again(context, pauses=0)

    def execute_again(
        self, context: Any, event: Mapping[str, Any] | None = None, pauses: int = 0
    ) -> Any:
        """Call the function, after `pauses` pauses already; a pause counts as no retry."""
        # Resumed, Airflow calls this method and not `execute`, which would then be warned of.
        token = ExecutorSafeguard.tracker.set(self)
        try:
            return super().execute(context)
        except ThrottledError as error:
            if pauses >= MOST_PAUSES:
                raise
            wait = min(dt.timedelta(seconds=error.fields["retry_after_s"]), LONGEST_WAIT)
            self.log.warning("mailcrm.paused wait_s=%d pauses=%d", wait.total_seconds(), pauses + 1)
        finally:
            ExecutorSafeguard.tracker.reset(token)
        self.defer(
            trigger=TimeDeltaTrigger(wait),
            method_name="execute_again",
            kwargs={"pauses": pauses + 1},
        )


class VerifyOperator(PatientOperator):
    """A task whose button leads to the mailbox."""

    operator_extra_links = (MailboxLink(),)


class RunOperator(PatientOperator):
    """A task whose buttons lead to the run's report and certificate."""

    operator_extra_links = (RunLink(), CertificateLink())


def patient_task(
    function: Callable[..., Any],
    operator: type[PatientOperator] = PatientOperator,
    **options: Any,
) -> Any:
    """As Airflow's `task` decorator, with an operator of ours."""
    return task_decorator_factory(function, decorated_operator_class=operator, **options)
