"""What a man in the middle can try around STARTTLS, against all our ways to talk to a server.

The patterns are those of the NO STARTTLS audit (https://nostarttls.secvuln.info): stripping,
responses injected before and behind the upgrade, capabilities kept over it, PREAUTH, referrals.
"""

import base64
import contextlib
import dataclasses
import random
import socket
from collections.abc import Iterator

import pytest

from mailcrm.records import Direction, Encryption, TlsPolicy
from mailcrm.settings import Settings
from servers.certificates import TestAuthority
from servers.dialogues import CLIENTS, CREDENTIAL, GREETINGS, Client, Outcome, dialogue_of
from servers.mailboxes import make_mailbox
from servers.scripted import Answer, ScriptedServer, run_scripted

IMAP, SMTP = Direction.IMAP, Direction.SMTP
SETTINGS = Settings(connect_timeout_s=5, greeting_timeout_s=1, command_timeout_s=1)
HASTY = Settings(
    connect_timeout_s=5, greeting_timeout_s=0.2, command_timeout_s=0.2, verify_timeout_s=2
)
READERS = [client for client in CLIENTS if client.direction is IMAP]
SENDERS = [client for client in CLIENTS if client.direction is SMTP]
OFFER = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN STARTTLS\r\n"


def _run(
    client: Client, authority: TestAuthority, port: int, settings: Settings = SETTINGS
) -> Outcome:
    mailbox = make_mailbox(
        imap_port=port,
        smtp_port=port,
        imap_encryption=Encryption.STARTTLS,
        smtp_encryption=Encryption.STARTTLS,
        tls=TlsPolicy(ca_file=authority.ca_file),
    )
    return client.run(mailbox, settings)


@contextlib.contextmanager
def _serve(
    client: Client, authority: TestAuthority, answer: Answer, greeting: bytes | None = None
) -> Iterator[ScriptedServer]:
    """A server that upgrades with the right certificate, wherever it says yes to STARTTLS."""
    words = GREETINGS[client.direction] if greeting is None else greeting
    with run_scripted(words, answer, starttls=authority.server_context()) as server:
        yield server


def _has_secret(raw: bytes) -> bool:
    secret = CREDENTIAL.password.encode()
    whole = f"\0{CREDENTIAL.username}\0{CREDENTIAL.password}".encode()
    return any(text in raw for text in (secret, base64.b64encode(secret), base64.b64encode(whole)))


# --- stripping, refusing, injecting: the connection ends, the password stays here ----------------

IMAP_ATTACKS: dict[str, dict[str, bytes | None]] = {
    "stripped from CAPABILITY": {"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{} OK\r\n"},
    "replaced by another word": {"CAPABILITY": b"* CAPABILITY IMAP4rev1 XSTARTTLS\r\n{} OK\r\n"},
    "CAPABILITY is empty": {"CAPABILITY": b"{} OK\r\n"},
    "CAPABILITY is BAD": {"CAPABILITY": b"{} BAD no\r\n"},
    "CAPABILITY hangs up": {"CAPABILITY": None},
    "offered, answered NO": {"STARTTLS": b"{} NO not now\r\n"},
    "offered, answered BAD": {"STARTTLS": b"{} BAD what\r\n"},
    "offered, answered BYE": {"STARTTLS": b"* BYE later\r\n"},
    "offered, answered untagged OK only": {"STARTTLS": b"* OK go\r\n"},
    "offered, answered with another tag": {"STARTTLS": b"ZZZ9 OK go\r\n"},
    "offered, answered PREAUTH": {"STARTTLS": b"* PREAUTH in\r\n{} NO no need\r\n"},
    "offered, answered garbage": {"STARTTLS": b"\x00\xff what\r\n"},
    "offered, hung up": {"STARTTLS": None},
    "offered, NO with a referral": {"STARTTLS": b"{} NO [REFERRAL imap://127.0.0.1/] x\r\n"},
    "LIST behind the OK": {"STARTTLS": b'{} OK go\r\n* LIST () "/" Evil\r\n'},
    "capabilities behind the OK": {"STARTTLS": b"{} OK go\r\n* CAPABILITY IMAP4rev1\r\n"},
    "login's OK behind the OK": {"STARTTLS": b"{} OK go\r\n{} OK logged in\r\n"},
    "PREAUTH behind the OK": {"STARTTLS": b"{} OK go\r\n* PREAUTH in\r\n"},
    "half a line behind the OK": {"STARTTLS": b"{} OK go\r\n*"},
    "an empty line behind the OK": {"STARTTLS": b"{} OK go\r\n\r\n"},
    "a TLS record behind the OK": {"STARTTLS": b"{} OK go\r\n\x16\x03\x03\x00\x05hello"},
    "a second OK in the same segment": {"STARTTLS": b"{} OK go\r\n{} OK go\r\n"},
}
IMAP_GREETINGS = {
    "PREAUTH": b"* PREAUTH come in\r\n",
    "PREAUTH with capabilities": b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] in\r\n",
    "PREAUTH in lower case": b"* preauth come in\r\n",
    "BYE with a referral": b"* BYE [REFERRAL imap://127.0.0.1/] elsewhere\r\n",
    "tagged OK": b"A1 OK hi\r\n",
    "NO": b"* NO hi\r\n",
    "BAD": b"* BAD hi\r\n",
    "SMTP": b"220 hi\r\n",
}
SMTP_EHLO = b"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
SMTP_ATTACKS: dict[str, dict[str, bytes | None]] = {
    "stripped from EHLO": {"EHLO": b"250-x\r\n250 AUTH PLAIN\r\n"},
    "replaced by another word": {"EHLO": b"250-x\r\n250-XSTARTTLS\r\n250 AUTH PLAIN\r\n"},
    "only in the first line": {"EHLO": b"250-STARTTLS\r\n250 AUTH PLAIN\r\n"},
    "EHLO refused, so that HELO would follow": {"EHLO": b"502 no EHLO\r\n"},
    "EHLO hangs up": {"EHLO": None},
    **{
        f"offered, answered {code}": {"STARTTLS": b"%d no\r\n" % code}
        for code in (200, 221, 235, 250, 354, 421, 454, 500, 501, 502, 503, 530, 554)
    },
    "offered, answered garbage": {"STARTTLS": b"\x00\xff what\r\n"},
    "offered, hung up": {"STARTTLS": None},
    "early yes in EHLO's segment": {"EHLO": SMTP_EHLO + b"220 go\r\n"},
    "early second EHLO": {"EHLO": SMTP_EHLO + SMTP_EHLO},
    "EHLO's answer behind the 220": {"STARTTLS": b"220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"},
    "AUTH's yes behind the 220": {"STARTTLS": b"220 go\r\n235 ok\r\n"},
    "an empty line behind the 220": {"STARTTLS": b"220 go\r\n\r\n"},
    "half a line behind the 220": {"STARTTLS": b"220 go\r\n2"},
    "a TLS record behind the 220": {"STARTTLS": b"220 go\r\n\x16\x03\x03\x00\x05hello"},
}
SMTP_GREETINGS = {
    "EHLO's answer behind the greeting": b"220 hi\r\n250-x\r\n250 STARTTLS\r\n",
    "554": b"554 no\r\n",
    "421": b"421 later\r\n",
    "IMAP": b"* OK hi\r\n",
    "354": b"354 go\r\n",
}


def _assert_kept(server: ScriptedServer, found: Outcome) -> None:
    assert not found.is_ok
    assert not _has_secret(server.raw)
    assert not any(word in server.raw for word in (b"LOGIN", b"AUTHENTICATE", b"AUTH "))
    assert server.connections == 1
    assert "Evil" not in found.advice


@pytest.mark.row("R124", "R125", "R126", "R127")
@pytest.mark.parametrize("client", READERS, ids=str)
@pytest.mark.parametrize("attack", IMAP_ATTACKS)
def test_starttls_attacked_over_imap_sends_no_password(
    authority: TestAuthority, client: Client, attack: str
) -> None:
    answer = dialogue_of(IMAP, IMAP_ATTACKS[attack])
    with _serve(client, authority, answer) as server:
        found = _run(client, authority, server.port)
    _assert_kept(server, found)


@pytest.mark.row("R124", "R125", "R126")
@pytest.mark.parametrize("client", SENDERS, ids=str)
@pytest.mark.parametrize("attack", SMTP_ATTACKS)
def test_starttls_attacked_over_smtp_sends_no_password(
    authority: TestAuthority, client: Client, attack: str
) -> None:
    answer = dialogue_of(SMTP, SMTP_ATTACKS[attack])
    with _serve(client, authority, answer) as server:
        found = _run(client, authority, server.port)
    _assert_kept(server, found)
    assert not any(line.startswith(("HELO", "MAIL")) for line in server.lines)


@pytest.mark.row("R127", "R128", "R143")
@pytest.mark.parametrize("client", READERS, ids=str)
@pytest.mark.parametrize("greeting", IMAP_GREETINGS)
def test_imap_greeting_that_dodges_the_upgrade_is_refused(
    authority: TestAuthority, client: Client, greeting: str
) -> None:
    with _serve(client, authority, dialogue_of(IMAP), IMAP_GREETINGS[greeting]) as server:
        found = _run(client, authority, server.port)
    _assert_kept(server, found)


@pytest.mark.row("R125", "R126")
@pytest.mark.parametrize("client", SENDERS, ids=str)
@pytest.mark.parametrize("greeting", SMTP_GREETINGS)
def test_smtp_greeting_that_dodges_the_upgrade_is_refused(
    authority: TestAuthority, client: Client, greeting: str
) -> None:
    with _serve(client, authority, dialogue_of(SMTP), SMTP_GREETINGS[greeting]) as server:
        found = _run(client, authority, server.port)
    _assert_kept(server, found)


# --- what was said in plain text is forgotten ----------------------------------------------------

INJECTED = {
    "LIST": b'* LIST () "/" Evil\r\n',
    "LSUB": b'* LSUB () "/" Evil\r\n',
    "NAMESPACE": b'* NAMESPACE (("Evil" "/")) NIL NIL\r\n',
    "STATUS": b"* STATUS Evil (UIDVALIDITY 666)\r\n",
    "SEARCH": b"* SEARCH 666\r\n",
    "ESEARCH": b'* ESEARCH (TAG "A1") UID ALL 666\r\n',
    "EXISTS": b"* 666 EXISTS\r\n",
    "FETCH": b"* 1 FETCH (UID 666 BODY[] {4}\r\nEvil)\r\n",
    "FLAGS": b"* FLAGS (Evil)\r\n",
    "VANISHED": b"* VANISHED (EARLIER) 666\r\n",
    "UIDVALIDITY": b"* OK [UIDVALIDITY 666] Evil\r\n",
    "ALERT": b"* OK [ALERT] call Evil now\r\n",
    "ID": b'* ID ("name" "Evil")\r\n',
    "PREAUTH": b"* PREAUTH Evil\r\n",
}


@pytest.mark.row("R126")
@pytest.mark.parametrize("client", READERS, ids=str)
@pytest.mark.parametrize("place", ["behind the greeting", "with CAPABILITY", "with STARTTLS"])
@pytest.mark.parametrize("injected", INJECTED)
def test_response_injected_before_the_upgrade_reaches_nobody(
    authority: TestAuthority, client: Client, place: str, injected: str
) -> None:
    text = INJECTED[injected]
    replies: dict[str, list[bytes | None]] = {}
    greeting = None
    if place == "behind the greeting":
        greeting = GREETINGS[IMAP] + text
    elif place == "with CAPABILITY":
        replies["CAPABILITY"] = [text + OFFER + b"{} OK\r\n", OFFER + b"{} OK\r\n"]
    else:
        replies["STARTTLS"] = [text + b"{} OK go\r\n"]
    with _serve(client, authority, dialogue_of(IMAP, dict(replies)), greeting) as server:
        found = _run(client, authority, server.port)
    assert "Evil" not in found.seen + found.advice
    assert "666" not in found.seen
    assert not _has_secret(server.plain)
    assert found.is_ok or not _has_secret(server.raw)


@pytest.mark.row("R126", "R130")
@pytest.mark.parametrize("client", READERS, ids=str)
def test_imap_capabilities_are_asked_again_behind_the_upgrade(
    authority: TestAuthority, client: Client
) -> None:
    before = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED ID\r\n{} OK\r\n"
    after = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{} OK\r\n"
    with _serve(client, authority, dialogue_of(IMAP, {"CAPABILITY": [before, after]})) as server:
        assert _run(client, authority, server.port).is_ok
    assert not any(" ID " in line for line in server.lines)


@pytest.mark.row("R126", "R130")
@pytest.mark.parametrize("client", READERS, ids=str)
def test_imap_login_disabled_behind_the_upgrade_is_obeyed(
    authority: TestAuthority, client: Client
) -> None:
    after = b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n{} OK\r\n"
    replies = {"CAPABILITY": [OFFER + b"{} OK\r\n", after]}
    with _serve(client, authority, dialogue_of(IMAP, dict(replies))) as server:
        assert not _run(client, authority, server.port).is_ok
    assert not _has_secret(server.raw)


@pytest.mark.row("R126", "R130", "R151")
@pytest.mark.parametrize("client", SENDERS, ids=str)
@pytest.mark.parametrize(
    ("before", "after", "is_ok"),
    [
        (b"250-x\r\n250 STARTTLS\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", True),
        (b"250-x\r\n250-STARTTLS\r\n250 AUTH XOAUTH2\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", True),
        (b"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", b"250 x\r\n", False),
        (b"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", b"250-x\r\n250 AUTH CRAM-MD5\r\n", False),
        (b"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", b"502 no\r\n", False),
    ],
)
def test_smtp_capabilities_are_asked_again_behind_the_upgrade(
    authority: TestAuthority, client: Client, before: bytes, after: bytes, is_ok: bool
) -> None:
    with _serve(client, authority, dialogue_of(SMTP, {"EHLO": [before, after]})) as server:
        assert _run(client, authority, server.port).is_ok is is_ok
    assert server.count("EHLO") == 2
    assert _has_secret(server.raw) is is_ok


@pytest.mark.row("R126")
@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_nothing_is_sent_between_starttls_and_the_handshake(
    authority: TestAuthority, client: Client
) -> None:
    with _serve(client, authority, dialogue_of(client.direction)) as server:
        assert _run(client, authority, server.port).is_ok
    assert server.hello == b"\x16"  # a handshake record, no command that was buffered
    assert b"STARTTLS\r\n" in server.plain[-10:]


# --- referrals -----------------------------------------------------------------------------------


@pytest.mark.row("R128")
@pytest.mark.parametrize("client", READERS, ids=str)
@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("STARTTLS", b"{} NO [REFERRAL %s] x\r\n"),
        ("LOGIN", b"{} NO [REFERRAL %s] x\r\n"),
        ("LOGIN", b"{} OK [REFERRAL %s] x\r\n"),
        ("LOGIN", b"* BYE [REFERRAL %s] x\r\n{} NO x\r\n"),
        ("LIST", b"* NO [REFERRAL %s] x\r\n{} NO [REFERRAL %s] x\r\n"),
        ("EXAMINE", b"{} NO [REFERRAL %s] x\r\n"),
    ],
)
def test_imap_referral_is_never_followed(
    authority: TestAuthority, client: Client, verb: str, reply: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as evil:
        evil.setblocking(False)
        url = b"imap://user;AUTH=*@127.0.0.1:%d/" % evil.getsockname()[1]
        answer = dialogue_of(IMAP, {verb: reply.replace(b"%s", url)})
        with _serve(client, authority, answer) as server:
            _run(client, authority, server.port)
        with pytest.raises(BlockingIOError):
            evil.accept()
    assert server.connections == 1
    assert sum(" LOGIN " in line for line in server.lines) <= 1


@pytest.mark.row("R128")
def test_smtp_forwarding_answer_names_no_other_recipient(authority: TestAuthority) -> None:
    (sender,) = [client for client in SENDERS if client.name == "sender"]
    replies = {"RCPT": b"551 User not local; please try <evil@evil.example>\r\n"}
    with _serve(sender, authority, dialogue_of(SMTP, dict(replies))) as server:
        found = _run(sender, authority, server.port)
    assert (found.is_ok, found.stage) == (False, "identity")
    assert server.count("RCPT") == 1
    assert server.count("DATA") == 0


# --- a rogue server as a whole -------------------------------------------------------------------


def _mutate(seed: int, answer: Answer) -> Answer:
    """The same server, some of whose answers are cut, doubled, swapped or flipped."""
    chance = random.Random(seed)

    def mutated(verb: str, rest: str) -> bytes | None:
        reply = answer(verb, rest)
        if not reply or chance.random() < 0.6:
            return reply
        kind = chance.randrange(6)
        place = chance.randrange(len(reply))
        flipped = bytes([reply[place] ^ (1 << chance.randrange(8))])
        return (
            reply[:place],
            reply + reply,
            reply[place:],
            reply[:place] + flipped + reply[place + 1 :],
            chance.randbytes(chance.randrange(1, 200)) + b"\r\n" + reply,
            reply.replace(b" ", b" {99999999}\r\n", 1),
        )[kind]

    return mutated


@pytest.mark.row("R134")
@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("seeds", [range(n, n + 8) for n in range(0, 24, 8)], ids=str)
def test_rogue_server_gets_an_answer_made_of_it_and_no_plain_password(
    authority: TestAuthority, client: Client, seeds: range
) -> None:
    for seed in seeds:
        answer = _mutate(seed, dialogue_of(client.direction))
        with _serve(client, authority, answer) as server:
            found = _run(client, authority, server.port, HASTY)
        assert found.is_ok or found.advice
        assert not _has_secret(server.plain)
        assert server.connections == 1
        attempts = [line for line in server.lines if " LOGIN " in line or line.startswith("AUTH ")]
        assert len(attempts) <= 1


@pytest.mark.row("R129")
@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_alert_of_a_hostile_server_is_shown_escaped_and_capped(
    authority: TestAuthority, client: Client
) -> None:
    words = b"[ALERT] <b>call\x1b[31m +1</b> \xe2\x80\xae" + b"y" * 10_000
    replies = {"LOGIN": b"{} NO " + words + b"\r\n", "AUTH": b"535 5.7.8 " + words + b"\r\n"}
    verb = "LOGIN" if client.direction is IMAP else "AUTH"
    with _serve(client, authority, dialogue_of(client.direction, {verb: replies[verb]})) as server:
        found = _run(client, authority, server.port)
    assert not found.is_ok
    assert found.seen.isprintable()
    assert "yyy" not in dataclasses.replace(found, seen="").advice or len(found.advice) < 800
    assert "y" * 201 not in found.seen
