"""Which failures Airflow tries again: one policy for every task of ours (STYLE §4)."""

import datetime as dt
from typing import Any, Self

from airflow.sdk import RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision

from mailcrm.errors import PermanentError, ThrottledError, TransientError

__all__ = ["RETRIES", "ErrorClassPolicy"]

LONGEST_WAIT = dt.timedelta(hours=6)

RETRIES: dict[str, Any] = {
    "retries": 6,
    "retry_delay": dt.timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": dt.timedelta(minutes=15),
}


class ErrorClassPolicy(RetryPolicy):
    """Permanent errors fail at once, transient ones are retried with growing pauses.

    A server that asks for a pause of its own gets that pause, up to `LONGEST_WAIT`. Anything
    that is no `MailcrmError` (a killed process, a bug) follows the task's own retries.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,
    ) -> RetryDecision:
        """Decide by the error's class; the reason is the error's one line."""
        if isinstance(exception, PermanentError):
            return RetryDecision.fail(reason=str(exception))
        if isinstance(exception, ThrottledError):
            wait = min(dt.timedelta(seconds=exception.fields["retry_after_s"]), LONGEST_WAIT)
            return RetryDecision.retry(delay=wait, reason=str(exception))
        if isinstance(exception, TransientError):
            return RetryDecision.retry(reason=str(exception))
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Nothing to keep: the policy has no settings."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The policy again."""
        return cls()
