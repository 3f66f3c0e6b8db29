"""From a refusal to one of our errors; what it means is decided in `mailcrm.credentials`."""

from typing import Final

from mailcrm.adapters.imap.words import Reply
from mailcrm.credentials import REJECTIONS, Answer, AnswerKind, classify_answer
from mailcrm.errors import (
    ImapCredentialError,
    MailcrmError,
    ServerRefusedError,
    ThrottledError,
)
from mailcrm.records import Direction, Mailbox
from mailcrm.records.text import escape_text

__all__ = ["classify_reply", "explain_refusal"]

_SLOW_DOWN: Final = frozenset({AnswerKind.THROTTLED, AnswerKind.TOO_MANY_CONNECTIONS})


def classify_reply(mailbox: Mailbox, stage: str, reply: Reply) -> Answer:
    """What a refusal means; `stage` as in `classify_answer`."""
    return classify_answer(
        Direction.IMAP, stage, reply.code or reply.status, reply.text, mailbox.id
    )


def explain_refusal(mailbox: Mailbox, stage: str, command: str, reply: Reply) -> MailcrmError:
    """The error for a refusal.

    Args:
        mailbox: Whose server answered.
        stage: greeting, authenticate or folders while a session opens; "" while it reads.
        command: The verb, for the error's text.
        reply: The server's answer, without the secret.

    Returns:
        ThrottledError where waiting helps; ImapCredentialError where the login was refused; else
        ServerRefusedError. While reading, only a plain request to slow down counts as one: a
        server that calls one message unavailable for now must not stop the others.
    """
    answer = classify_reply(mailbox, stage, reply)
    detail = escape_text(f"{reply.status} {reply.text}")
    waits = answer.retry_after_s is not None and (stage != "" or answer.kind in _SLOW_DOWN)
    if waits:
        return ThrottledError(
            protocol="imap",
            host=mailbox.imap.host,
            retry_after_s=answer.retry_after_s or 60.0,
            detail=detail,
        )
    if stage == "authenticate":
        reason = f"the server refused the login: {detail}. {answer.advice}"
        return ImapCredentialError(
            mailbox_id=mailbox.id,
            reason=reason,
            code=answer.code,
            is_rejected=answer.kind in REJECTIONS and reply.code != "MECHANISM",
        )
    return ServerRefusedError(
        protocol="imap", host=mailbox.imap.host, command=command, detail=detail
    )
