"""From a server's answer to what it means: by its words, then its codes, then its place."""

import re

from mailcrm.credentials.answers import MEANINGS, Answer, AnswerKind, Meaning, RetryPlan, Row
from mailcrm.credentials.codes import IMAP_CODES, SMTP_CODES
from mailcrm.credentials.imap_rows import IMAP_ROWS
from mailcrm.credentials.smtp_provider_rows import SMTP_PROVIDER_ROWS
from mailcrm.credentials.smtp_server_rows import SMTP_SERVER_ROWS
from mailcrm.records import Direction, VerifyState

__all__ = ["classify_answer"]

_SMTP_ROWS = SMTP_PROVIDER_ROWS + SMTP_SERVER_ROWS
_MAX_CHARS = 4096
_LONGEST_WAIT_S = 86_400.0
_IMAP_CODE = re.compile(r"\[([A-Za-z][A-Za-z0-9-]*)")
_SMTP_CODE = re.compile(r"^\s*([2-5]\d\d)\b[ -]?")
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_BACKOFF = re.compile(r"backoff time:\s*(\d{1,9})\s*milliseconds")
_WAIT = re.compile(
    r"(?:again|retry|wait)[^.;]{0,20}?\b(\d{1,5})\s*(s|sec|second|min|minute|h|hour)s?\b"
)
_NOT_AT_LOGIN = frozenset({"AUTHORIZATIONFAILED", "NONEXISTENT", "NOPERM", "CANNOT"})
_NOT_UNDERSTOOD = frozenset({"500", "501", "502", "503", "504"})
_UNIT_S = {"s": 1, "m": 60, "h": 3600}


def classify_answer(
    direction: Direction, stage: str, code: str | None, text: str, mailbox_id: str = "<id>"
) -> Answer:
    """Say what a refusal means, what to change and when to try again.

    The words are looked up first (a server's own text says more than its code), then the code.
    What is unknown falls to the safe class of its stage: never retried where a password may have
    been wrong, retried where the server called it temporary.

    Args:
        direction: Whose answer it is.
        stage: greeting, tls, authenticate, folders or identity.
        code: SMTP reply code, IMAP response code or IMAP status (NO, BAD, BYE); None if unknown.
        text: The server's words, raw; an enhanced or response code may lead them.
        mailbox_id: For the name of the connection in the advice.

    Returns:
        The answer; `advice` holds nothing that the server said.
    Source: RFC 5530 §3, RFC 9051 §7.1, RFC 4954 §6, RFC 5321 §4.2.1, RFC 3463.
    """
    text = _one_line(text)
    if direction is Direction.IMAP:
        status, found = _imap_code(code, text)
        kind, row = _find(IMAP_ROWS, f"[{found or ''}] {text}".lower(), stage)
        known = kind or IMAP_CODES.get(found or "")
        kind = _imap_place(known, found, status, stage)
        shown: str | None = found or status
    else:
        reply, enhanced, words = _smtp_code(code, text)
        shown = " ".join(part for part in (reply, enhanced) if part) or None
        kind, row = _find(_SMTP_ROWS, f"{shown or ''} {words}".lower(), stage)
        # Where the two disagree, the reply code decides whether trying again can help.
        agreed = enhanced if enhanced and reply and enhanced[0] == reply[0] else None
        known = kind or SMTP_CODES.get(agreed or "") or SMTP_CODES.get(reply or "")
        kind = kind or _smtp_place(known, reply, stage)
    return _answer(direction, kind, row, text.lower(), shown, known is not None, mailbox_id)


def _one_line(text: str) -> str:
    return " ".join(text[:_MAX_CHARS].split())


def _find(rows: tuple[Row, ...], line: str, stage: str) -> tuple[AnswerKind | None, Row | None]:
    for row in rows:
        if row.match in line and row.stage in ("", stage):
            return row.kind, row
    return None, None


def _imap_code(code: str | None, text: str) -> tuple[str, str | None]:
    """(status, response code): what the caller knew, completed from the text."""
    upper = (code or "").upper()
    status = upper if upper in ("NO", "BAD", "BYE") else "NO"
    if upper and upper not in ("NO", "BAD", "BYE", "OK", "ALERT"):
        return status, upper
    codes = [name.upper() for name in _IMAP_CODE.findall(text)]
    return status, next((name for name in codes if name in IMAP_CODES), None)


def _imap_place(kind: AnswerKind | None, code: str | None, status: str, stage: str) -> AnswerKind:
    """Correct a code by its place, and choose where neither words nor code are known."""
    if stage == "authenticate" and kind is not None and code in _NOT_AT_LOGIN:
        # The password is right, the mailbox that it should open is not.
        return AnswerKind.NOT_CONNECTED if kind is IMAP_CODES[code] else kind
    if kind is not None:
        return kind
    if status == "BYE" or stage == "greeting":
        return AnswerKind.TEMPORARY
    if stage == "authenticate":
        return AnswerKind.UNSUPPORTED if status == "BAD" else AnswerKind.CREDENTIALS
    if stage == "folders":
        return AnswerKind.FOLDER_MISSING if status == "NO" else AnswerKind.UNSUPPORTED
    return AnswerKind.UNKNOWN


def _smtp_code(code: str | None, text: str) -> tuple[str | None, str | None, str]:
    """(reply code, enhanced code, words without repeated codes)."""
    lead = _SMTP_CODE.match(code or "") or _SMTP_CODE.match(text)
    reply = lead.group(1) if lead else None
    words = _SMTP_CODE.sub("", text) if _SMTP_CODE.match(text) else text
    match = _ENHANCED.search(code or "") or _ENHANCED.match(words)
    if match is None:
        return reply, None, words
    enhanced = match.group(1)
    return reply, enhanced, " ".join(words.replace(enhanced, " ").split())


def _smtp_place(kind: AnswerKind | None, reply: str | None, stage: str) -> AnswerKind:
    first = (reply or " ")[0]
    if first == "4":
        # RFC 5321 §4.2.1: 4yz is transient whatever the enhanced code says.
        heals = kind is not None and MEANINGS[kind].retry is not RetryPlan.NEVER
        # Before the login no mailbox is known that could be full.
        is_full = kind is AnswerKind.OVER_QUOTA and stage == "greeting"
        return kind if kind and heals and not is_full else _transient(kind)
    if stage == "greeting":
        is_strange = first != "5" or reply in _NOT_UNDERSTOOD
        return AnswerKind.UNSUPPORTED if is_strange else AnswerKind.POLICY
    if stage == "authenticate":
        return kind or AnswerKind.CREDENTIALS
    if stage == "identity":
        # 530 after a login, 550, 553, 5.7.1: the sender is what was refused.
        keep = kind is AnswerKind.OVER_QUOTA or reply in _NOT_UNDERSTOOD - {"501"}
        return kind if kind and keep else AnswerKind.IDENTITY
    return kind or AnswerKind.UNKNOWN


def _transient(kind: AnswerKind | None) -> AnswerKind:
    return kind if kind is AnswerKind.WEB_LOGIN else AnswerKind.TEMPORARY


def _answer(
    direction: Direction,
    kind: AnswerKind,
    row: Row | None,
    line: str,
    code: str | None,
    is_known: bool,
    mailbox_id: str,
) -> Answer:
    meaning: Meaning = MEANINGS[kind]
    retry = (row.retry if row else None) or meaning.retry
    state = meaning.state
    if kind is AnswerKind.IDENTITY and code and code.startswith("4"):
        state, retry = VerifyState.REFUSED, RetryPlan.LATER
    advice = (row.advice if row else "") or meaning.advice
    return Answer(
        kind=kind,
        state=state,
        retry=retry,
        retry_after_s=None if retry is RetryPlan.NEVER else _wait_s(line) or retry.wait_s,
        advice=advice.format(
            direction=direction.value,
            connection=f"mailbox_{mailbox_id}_{direction.value}",
        ),
        code=code,
        is_known=is_known,
    )


def _wait_s(line: str) -> float | None:
    """The server's own waiting time in seconds, between 1 s and a day; None if it names none."""
    if match := _BACKOFF.search(line):
        seconds = int(match.group(1)) / 1000
    elif match := _WAIT.search(line):
        seconds = int(match.group(1)) * _UNIT_S[match.group(2)[0]]
    else:
        return None
    return min(max(seconds, 1.0), _LONGEST_WAIT_S)
