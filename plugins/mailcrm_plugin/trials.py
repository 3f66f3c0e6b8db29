"""Tries what somebody typed, and tells the page each stage as it begins: one answer, line by line.

Nothing is kept between requests, so that any number of API servers can answer, and a password
lives as long as the request.
"""

import json
import queue
import threading
from collections.abc import Iterator, Mapping

from starlette.responses import StreamingResponse

from mailcrm.errors import MailcrmError
from mailcrm.records import Credential, Direction, Mailbox, VerifyResult, VerifyState
from mailcrm.services.try_settings import TrialStep, stages_of, try_settings
from mailcrm_plugin.forms import field_ids
from mailcrm_plugin.state import services

__all__ = ["Event", "Results", "problem", "stages_event", "stream", "trial_events"]

Event = Mapping[str, object]
Results = dict[Direction, VerifyResult]
# Where a verification ended, and which of the form's fields that points to.
_FIELDS = {
    "resolve": ("host",),
    "connect": ("host", "port"),
    "tls": ("encryption", "port"),
    "greeting": ("encryption", "port"),
    "authenticate": ("username", "password"),
    "credential": ("password",),
}


def stream(events: Iterator[Event]) -> StreamingResponse:
    """Events as they come; this type of answer is neither compressed nor held back."""
    lines = (f"data: {json.dumps(event)}\n\n" for event in events)
    return StreamingResponse(lines, media_type="text/event-stream")


def trial_events(
    draft: Mapping[str, object],
    credentials: Mapping[Direction, Credential],
    found: Results,
) -> Iterator[Event]:
    """Try both directions side by side; `found` holds their results at the end.

    Yields `stages`, then `step` and `result` for each direction; `problem` where the draft is
    wrong.
    """
    waiting: queue.SimpleQueue[TrialStep | Exception | None] = queue.SimpleQueue()
    directions = [direction for direction in Direction if direction in credentials]

    def run() -> None:
        try:
            found.update(
                try_settings(services(), draft, credentials, directions, on_step=waiting.put)
            )
            waiting.put(None)
        except Exception as error:  # handed on to the one who reads the queue
            waiting.put(error)

    threading.Thread(target=run, name="mailcrm-trial", daemon=True).start()
    while (step := waiting.get()) is not None:
        if isinstance(step, MailcrmError):
            yield problem(str(step))
            return
        if isinstance(step, Exception):
            raise step
        yield _step_event(step)


def problem(text: str, *fields: str) -> Event:
    """Something is wrong with what was typed."""
    return {"type": "problem", "text": text, "fields": field_ids(text, fields)}


def stages_event(mailbox: Mailbox) -> Event:
    """The stages that each direction goes through."""
    stages = {d.value: list(stages_of(d, mailbox.endpoint(d))) for d in Direction}
    return {"type": "stages", **stages}


def _step_event(step: TrialStep) -> Event:
    name = step.direction.value
    if step.result is None:
        return {"type": "step", "direction": name, "stage": step.stage}
    result = step.result
    is_ok = result.state is VerifyState.OK
    advice = result.advice or ""
    fields = [] if is_ok else [f"{name}_{part}" for part in _FIELDS.get(result.stage, ())]
    named = [one for one in field_ids(advice) if one.startswith(f"{name}_")]
    return {
        "type": "result",
        "direction": name,
        "state": result.state.value,
        "stage": result.stage,
        "advice": advice,
        "server_text": result.server_text or "",
        "code": result.code or "",
        "rejected": result.is_credential_rejected,
        "fields": named or fields,
    }
