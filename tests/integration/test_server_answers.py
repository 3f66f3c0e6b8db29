"""What servers say, from the wire to the advice: every row of the table, every code at every stage.

The expectations on codes are written down here, apart from the tables of the product.
"""

import base64
import re

import pytest

from mailcrm.adapters.imap_probe import probe_imap
from mailcrm.adapters.smtp_probe import probe_smtp
from mailcrm.adapters.smtp_send import send_message
from mailcrm.credentials import AnswerKind, RetryPlan
from mailcrm.credentials.answers import MEANINGS, Row
from mailcrm.credentials.imap_rows import IMAP_ROWS
from mailcrm.credentials.smtp_provider_rows import SMTP_PROVIDER_ROWS
from mailcrm.credentials.smtp_server_rows import SMTP_SERVER_ROWS
from mailcrm.records import Credential, Direction, VerifyResult, VerifyState
from mailcrm.settings import Settings
from servers.dialogues import CREDENTIAL, GREETINGS, dialogue_of
from servers.fault_proxy import Fault, run_fault_proxy
from servers.mailboxes import make_mailbox
from servers.scripted import ScriptedServer, run_scripted

IMAP, SMTP = Direction.IMAP, Direction.SMTP
SETTINGS = Settings(connect_timeout_s=5, greeting_timeout_s=5, verify_timeout_s=20)
OK, REFUSED = VerifyState.OK, VerifyState.REFUSED
AWAY, WRONG = VerifyState.UNREACHABLE, VerifyState.MISCONFIGURED
FOLDER_KINDS = {AnswerKind.FOLDER_MISSING, AnswerKind.NO_PERMISSION}


def _probe(
    direction: Direction,
    replies: dict[str, bytes | None],
    greeting: bytes | None = None,
    credential: Credential = CREDENTIAL,
) -> tuple[VerifyResult, ScriptedServer]:
    words = GREETINGS[direction] if greeting is None else greeting
    with run_scripted(words, dialogue_of(direction, dict(replies))) as server:
        mailbox = make_mailbox(imap_port=server.port, smtp_port=server.port)
        probe = probe_imap if direction is IMAP else probe_smtp
        return probe(mailbox, credential, SETTINGS), server


def _send(replies: dict[str, bytes | None]) -> tuple[VerifyResult, ScriptedServer]:
    with run_scripted(GREETINGS[SMTP], dialogue_of(SMTP, dict(replies))) as server:
        content = b"Subject: x\r\n\r\nhello\r\n"
        mailbox = make_mailbox(smtp_port=server.port)
        return send_message(mailbox, CREDENTIAL, SETTINGS, content), server


def _in_lines(example: str, size: int = 40) -> bytes:
    """The answer as servers send a long one: several lines, each with its codes again."""
    code, _, text = example.partition(" ")
    enhanced = match[0] if (match := re.match(r"[245]\.\d+\.\d+", text)) else ""
    words = text.removeprefix(enhanced).strip()
    pieces = [words[n : n + size] for n in range(0, len(words), size)] or [""]
    # A line breaks between words, as servers break them.
    lines = _wrap(words, size) if len(pieces) > 1 else [words]
    lead = f" {enhanced}" if enhanced else ""
    last = len(lines) - 1
    return "".join(
        f"{code}{'-' if n < last else ' '}{lead.strip()}{' ' if lead else ''}{line}\r\n"
        for n, line in enumerate(lines)
    ).encode()


def _wrap(words: str, size: int) -> list[str]:
    lines = [""]
    for word in words.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= size:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _expected_advice(row: Row, direction: Direction) -> str:
    advice = row.advice or MEANINGS[row.kind].advice
    return advice.format(direction=direction.value, connection=f"mailbox_sales_{direction.value}")


@pytest.mark.row("R135", "R138", "R140", "R149", "R150", "R151")
@pytest.mark.parametrize("row", SMTP_PROVIDER_ROWS + SMTP_SERVER_ROWS, ids=lambda row: row.match)
def test_smtp_text_of_a_known_server_brings_its_advice(row: Row) -> None:
    verb = "MAIL" if row.kind is AnswerKind.IDENTITY else "AUTH"
    found, server = _probe(SMTP, {verb: _in_lines(row.example)})
    assert found.stage == ("identity" if verb == "MAIL" else "authenticate")
    assert found.advice == _expected_advice(row, SMTP)
    expected = MEANINGS[row.kind].state
    assert found.state is expected
    assert (found.code or "").startswith(row.example[:3])
    plan = row.retry or MEANINGS[row.kind].retry
    assert (found.retry_after_s is None) == (plan is RetryPlan.NEVER)
    assert server.count("AUTH") == 1


@pytest.mark.row("R135", "R138", "R140")
@pytest.mark.parametrize("row", IMAP_ROWS, ids=lambda row: row.match)
def test_imap_text_of_a_known_server_brings_its_advice(row: Row) -> None:
    verb = "EXAMINE" if row.kind in FOLDER_KINDS else "LOGIN"
    found, server = _probe(IMAP, {verb: b"{} NO " + row.example.encode() + b"\r\n"})
    if row.kind is AnswerKind.FOLDER_MISSING:
        assert (found.state, found.stage) == (WRONG, "folders")
    else:
        assert found.advice == _expected_advice(row, IMAP)
        assert found.state is MEANINGS[row.kind].state
        plan = row.retry or MEANINGS[row.kind].retry
        assert (found.retry_after_s is None) == (plan is RetryPlan.NEVER)
    assert sum(" LOGIN " in line for line in server.lines) == 1


# --- codes alone, with words that no table knows --------------------------------------------------

CODES: dict[str, dict[VerifyState, str]] = {
    "greeting": {AWAY: "421 450 451 452 454", REFUSED: "521 550 554 556", WRONG: "354"},
    "EHLO": {AWAY: "421 450 451", REFUSED: "521 550 554", WRONG: "500 501 502 503 504"},
    "AUTH": {
        AWAY: "421 450 451 454",
        REFUSED: "432 524 525 535 550 553 554",
        WRONG: "500 501 502 503 504 530 534 538 523",
    },
    "MAIL": {AWAY: "421 450 451 454", REFUSED: "452 530 550 551 552 553 554 555", WRONG: "500 503"},
    "RCPT": {AWAY: "421 450 451", REFUSED: "452 550 551 552 553 554", WRONG: "500 503"},
    "DATA": {AWAY: "421 450 451", REFUSED: "452 550 552 554", WRONG: "500 503"},
    ".": {AWAY: "421 450 451", REFUSED: "452 550 552 554"},
}
STAGES = {
    "greeting": "greeting",
    "EHLO": "greeting",
    "AUTH": "authenticate",
    "MAIL": "identity",
    "RCPT": "identity",
    "DATA": "identity",
    ".": "content",
}
CASES = [
    (verb, code, state)
    for verb, by_state in CODES.items()
    for state, codes in by_state.items()
    for code in codes.split()
]


@pytest.mark.row("R135", "R148", "R149", "R150", "R151")
@pytest.mark.parametrize(("verb", "code", "state"), CASES)
def test_smtp_code_alone_decides_at_each_stage(verb: str, code: str, state: VerifyState) -> None:
    reply = f"{code} xyzzy\r\n".encode()
    if verb == "greeting":
        found, server = _probe(SMTP, {}, greeting=reply)
    elif verb in ("RCPT", "DATA", "."):
        found, server = _send({verb: reply})
    else:
        found, server = _probe(SMTP, {verb: reply})
    assert (found.state, found.stage) == (state, STAGES[verb])
    assert (found.code or "").startswith(code)
    assert found.advice
    # Waiting helps exactly where the server called it temporary.
    is_temporary = code.startswith("4") and code != "432"
    assert (found.retry_after_s is not None) == is_temporary
    assert server.count("AUTH") <= 1
    assert server.connections == 1


@pytest.mark.row("R151")
@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (b"454 5.7.8 xyzzy\r\n", AWAY),
        (b"535 4.7.0 xyzzy\r\n", REFUSED),
        (b"535-5.7.8 " + b"x" * 9000 + b"\r\n535 5.7.8 end\r\n", REFUSED),
        (b"535 5.7.8 \xff\xfe\xe9t\xe9\r\n", REFUSED),
        (b"535\r\n", REFUSED),
        (b"535-\r\n535 \r\n", REFUSED),
        (b"535-5.7.8 x\r\n" * 100 + b"535 5.7.8 x\r\n", REFUSED),
    ],
)
def test_smtp_odd_reply_is_understood(reply: bytes, state: VerifyState) -> None:
    found, _ = _probe(SMTP, {"AUTH": reply})
    assert (found.state, found.stage) == (state, "authenticate")
    assert len(found.server_text or "") <= 200
    assert (found.server_text or "").isprintable()


# RFC 5530's codes: where they stand -> state, and whether waiting helps.
RESPONSE_CODES = [
    ("LOGIN", "AUTHENTICATIONFAILED", REFUSED, False),
    ("LOGIN", "UNAVAILABLE", AWAY, True),
    ("LOGIN", "AUTHORIZATIONFAILED", REFUSED, False),
    ("LOGIN", "EXPIRED", REFUSED, False),
    ("LOGIN", "PRIVACYREQUIRED", WRONG, False),
    ("LOGIN", "CONTACTADMIN", REFUSED, False),
    ("LOGIN", "INUSE", AWAY, True),
    ("LOGIN", "LIMIT", AWAY, True),
    ("LOGIN", "SERVERBUG", AWAY, True),
    ("LOGIN", "CLIENTBUG", WRONG, False),
    ("LOGIN", "CORRUPTION", REFUSED, False),
    ("LOGIN", "THROTTLED", AWAY, True),
    ("LOGIN", "OVERQUOTA", REFUSED, True),
    ("EXAMINE", "NOPERM", REFUSED, False),
    ("EXAMINE", "INUSE", AWAY, True),
    ("EXAMINE", "UNAVAILABLE", AWAY, True),
    ("EXAMINE", "SERVERBUG", AWAY, True),
    ("EXAMINE", "EXPUNGEISSUED", AWAY, True),
    ("EXAMINE", "CORRUPTION", REFUSED, False),
    ("EXAMINE", "CONTACTADMIN", REFUSED, False),
    ("EXAMINE", "LIMIT", AWAY, True),
    ("EXAMINE", "NONEXISTENT", WRONG, False),
    ("EXAMINE", "CANNOT", WRONG, False),
    ("EXAMINE", "CLIENTBUG", WRONG, False),
    ("EXAMINE", "THROTTLED", AWAY, True),
]


@pytest.mark.row("R135", "R137", "R138")
@pytest.mark.parametrize(("verb", "code", "state", "heals"), RESPONSE_CODES)
def test_imap_response_code_alone_decides_by_command(
    verb: str, code: str, state: VerifyState, heals: bool
) -> None:
    found, server = _probe(IMAP, {verb: b"{} NO [%s] xyzzy\r\n" % code.encode()})
    stage = "authenticate" if verb == "LOGIN" else "folders"
    assert (found.state, found.stage) == (state, stage)
    assert (found.retry_after_s is not None) is heals
    assert found.code == code
    assert server.connections == 1


@pytest.mark.row("R074", "R140")
@pytest.mark.parametrize("verb", ["LIST", "EXAMINE"])
def test_imap_login_that_opens_no_mailbox_is_told_apart_from_a_missing_folder(verb: str) -> None:
    """Exchange says yes to the login, and then this to every command."""
    reply = b"{} BAD User is authenticated but not connected.\r\n"
    found, server = _probe(IMAP, {verb: reply})
    assert (found.state, found.stage) == (REFUSED, "folders")
    assert "a wrong password" in (found.advice or "")
    assert found.retry_after_s is None
    assert sum(" LOGIN " in line for line in server.lines) == 1


@pytest.mark.row("R142")
@pytest.mark.parametrize("name", ["ann@acme.example", "ann", "ACME\\ann", "ann@x.y\\shared@x.y"])
def test_user_name_travels_as_it_is_and_once(name: str) -> None:
    credential = Credential(name, "c4nary")
    refusal = b"{} NO [AUTHENTICATIONFAILED] no\r\n"
    found, server = _probe(IMAP, {"LOGIN": refusal}, credential=credential)
    quoted = name.replace("\\", "\\\\")
    logins = [line for line in server.lines if " LOGIN " in line]
    assert [line.split(" ", 2)[2] for line in logins] == [f'"{quoted}" "c4nary"']
    assert "the part before the @" in (found.advice or "")


@pytest.mark.row("R143")
@pytest.mark.parametrize(
    "words",
    [b"Too many connections", b"[UNAVAILABLE] down", b"[LIMIT] too many", b"Connection refused"],
)
def test_imap_farewell_at_the_greeting_is_tried_again(words: bytes) -> None:
    found, server = _probe(IMAP, {}, greeting=b"* BYE " + words + b"\r\n")
    assert (found.state, found.stage) == (AWAY, "greeting")
    assert found.retry_after_s is not None
    assert words.rpartition(b"] ")[2].decode() in (found.server_text or "")
    assert not any(" LOGIN " in line for line in server.lines)


@pytest.mark.row("R139")
@pytest.mark.parametrize(
    "reply",
    [
        b"{} OK [ALERT] Your password expires in 3 days\r\n",
        b"* OK [ALERT] Your password expires in 3 days\r\n{} OK in\r\n",
    ],
)
def test_imap_alert_of_a_login_that_went_well_is_shown(reply: bytes) -> None:
    found, _ = _probe(IMAP, {"LOGIN": reply})
    assert (found.state, found.code, found.advice) == (OK, "ALERT", None)
    assert "Your password expires in 3 days" in (found.server_text or "")


@pytest.mark.row("R139", "R129")
def test_imap_alert_is_escaped_and_capped() -> None:
    words = b"<script>\x1b[2J \xe2\x80\xae" + b"z" * 3000
    found, _ = _probe(IMAP, {"LOGIN": b"{} OK [ALERT] " + words + b"\r\n"})
    assert found.state is OK
    assert (found.server_text or "").isprintable()
    assert len(found.server_text or "") <= 200


ODD_PASSWORDS = ["é", "密码", 'a"b', "a\\b", "{3}", " lead and trail ", "x" * 200]


@pytest.mark.row("R141")
@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_imap_password_of_any_letters_arrives_exactly(password: str) -> None:
    credential = Credential("ann", password)
    answers: list[str] = []

    def answer(tag: str, rest: str) -> bytes | None:
        if rest.startswith("AUTHENTICATE"):
            answers.append(tag)
            return b"+ \r\n"
        if not rest and answers:  # the response to the challenge is a line without a tag
            return f"{answers[0]} OK in\r\n".encode()
        return dialogue(tag, rest)

    dialogue = dialogue_of(IMAP)
    with run_scripted(GREETINGS[IMAP], answer) as server:
        found = probe_imap(make_mailbox(imap_port=server.port), credential, SETTINGS)
    assert found.state is OK
    plain = base64.b64encode(f"\0ann\0{password}".encode()).decode()
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    wanted = f'LOGIN "ann" "{quoted}"' if password.isascii() else plain
    assert any(line.endswith(wanted) for line in server.lines)


@pytest.mark.row("R141")
def test_imap_password_that_the_server_cannot_take_says_so_and_is_not_sent() -> None:
    capability = b"* CAPABILITY IMAP4rev1\r\n{} OK\r\n"
    credential = Credential("ann", "pässwörd")
    found, server = _probe(IMAP, {"CAPABILITY": capability}, credential=credential)
    assert (found.state, found.stage) == (WRONG, "authenticate")
    assert "characters that this server cannot take" in (found.advice or "")
    assert not any("LOGIN" in line or "AUTHENTICATE" in line for line in server.lines)


@pytest.mark.row("R152")
def test_smtp_tarpit_is_waited_for_within_the_limits() -> None:
    assert Settings().greeting_timeout_s >= 60
    assert Settings().verify_timeout_s <= 180
    with (
        run_scripted(GREETINGS[SMTP], dialogue_of(SMTP)) as server,
        run_fault_proxy(server.port) as tarpit,
    ):
        tarpit.arm(Fault(latency_s=0.4))
        for greeting_s, state in ((20, OK), (0.1, AWAY)):
            limits = SETTINGS.model_copy(update={"greeting_timeout_s": greeting_s})
            found = probe_smtp(make_mailbox(smtp_port=tarpit.port), CREDENTIAL, limits)
            assert found.state is state, found
