"""Forged senders, from the bytes of a message to the decision: generated, two rows of tables."""

import itertools

import pytest

from mailcrm.match import ContactIndex, decide_message, plan_contact_keys, read_auth_result
from mailcrm.parse import parse_message
from mailcrm.records import Contact, ContactAddress, Decision, MessageContext, Outcome

ADA = Contact("ada", "Ada Byron", "", "", (ContactAddress("ada@acme.example", True),))
TRUSTED = ("mx.us.example",)
DMARC = ("", "pass header.from=acme.example", "fail header.from=acme.example", "none")
DKIM = (
    "",
    "pass header.d=acme.example",
    "pass header.d=evil.example",
    "fail header.d=acme.example",
)
SPF = ("", "pass smtp.mailfrom=evil.example", "fail smtp.mailfrom=acme.example")
SERVERS = ("mx.us.example", "mx.evil.example", '"mx.us.example"', "mx.us.example/1")


def decide(raw: bytes) -> Decision | None:
    """What is decided about the first From; None where there is none."""
    message = parse_message(raw, internaldate=None)
    index = ContactIndex((key, ADA) for key in plan_contact_keys(ADA))
    person = message.sender()
    domain = person.address.rpartition("@")[2] if person else ""
    verdict = read_auth_result(message.auth_results, TRUSTED, domain)
    context = MessageContext(
        1, 1, "key", message.kind, "inbound", verdict, None, message.participants,
        defects=message.defects,
    )  # fmt: skip
    decisions = decide_message(context, index)
    place = next((i for i, p in enumerate(message.participants) if p.role == "from"), None)
    return None if place is None else decisions[place]


def evidence_of(decision: Decision) -> set[str]:
    return {one.name for candidate in decision.candidates for one in candidate.evidence}


@pytest.mark.row("R174", "R175", "R176")
def test_verdicts_of_servers_decide_how_far_an_exact_address_goes() -> None:
    cases = list(itertools.product(SERVERS, DMARC, DKIM, SPF))
    assert len(cases) >= 30
    for server, dmarc, dkim, spf in cases:
        parts = [f"{k}={v}" for k, v in (("dmarc", dmarc), ("dkim", dkim), ("spf", spf)) if v]
        header = "; ".join([server, *parts]) if parts else f"{server}; none"
        raw = f"Authentication-Results: {header}\r\nFrom: Ada <ada@acme.example>\r\n\r\nhello"
        decision = decide(raw.encode())
        assert decision is not None
        is_trusted = "evil" not in server
        evidence = evidence_of(decision)
        if is_trusted and dmarc.startswith("fail"):
            assert decision.outcome is Outcome.POSSIBLE, header
            assert "auth_fail" in evidence
        elif is_trusted and (dmarc.startswith("pass") or "header.d=acme" in dkim.partition(" ")[2]):
            assert ("auth_pass" in evidence) or dkim.startswith("fail"), header
        if not is_trusted:
            assert decision.outcome is Outcome.MATCHED, header
            assert "auth_none" in evidence
        if "auth_fail" in evidence:
            assert decision.outcome is not Outcome.MATCHED, header


def spoofs() -> list[str]:
    """From fields in which Ada's address stands where it is not the sender's."""
    mine, theirs = "ada@acme.example", "bob@evil.example"
    glue = [
        "",
        " ",
        ")",
        "(",
        "(c)",
        ",",
        ";",
        ":",
        "\\",
        '"',
        "'",
        "%",
        "\t",
        "\r\n ",
        "\x00",
        "|",
    ]
    joined = [f"{mine}{sign}{theirs}" for sign in glue if sign]
    named = ['"{0}"', "{0}", "({0})", "'{0}'", "<{0}>", '"<{0}>"', '"{0}" (x)', "=?utf-8?q?{0}?="]
    angled = ["<{0}>", "< {0} >", "<<{0}>>", "<{0}", "<@{1}:{0}>", '<"{1}"{0}>', "<{1}\r\n {0}>"]
    wrapped = [
        f"{name.format(mine)}{sign}{angle.format(theirs, mine)}"
        for name, sign, angle in itertools.product(named, ("", " ", ", ", "\r\n "), angled)
    ]
    quoted = [
        f'"{mine}"@evil.example',
        f"{mine}@evil.example",
        '"ada@acme.example, "@evil.example',
    ]
    return joined + wrapped + quoted


@pytest.mark.row("R177", "R180")
def test_from_in_which_a_contacts_address_only_stands_somewhere_never_links() -> None:
    fields = spoofs()
    assert len(fields) >= 211
    for written in fields:
        decision = decide(f"From: {written}\r\nSubject: x\r\n\r\nhello".encode())
        assert decision is None or decision.outcome is not Outcome.MATCHED, repr(written)
