"""Settings out of a domain's SRV and MX records, from a DNS server on loopback."""

import pytest

from mailcrm.errors import SettingsError
from mailcrm.records import Encryption, Endpoint
from mailcrm.services.propose import Proposal, propose_from_dns
from servers.name_server import Zone, run_name_server

SRV = "SRV"
PAIR: Zone = {
    ("_imaps._tcp.acme.test", SRV): ["0 1 993 imap.acme.test."],
    ("_submission._tcp.acme.test", SRV): ["0 1 587 smtp.acme.test."],
}


def _propose(zone: Zone, address: str = "ann@acme.test") -> Proposal | None:
    with run_name_server(zone) as server:
        return propose_from_dns(address, server.address)


def test_propose_from_srv_records_takes_host_port_and_mode() -> None:
    found = _propose(PAIR)
    assert found is not None
    assert found.imap == Endpoint("imap.acme.test", 993, Encryption.TLS)
    assert found.smtp == Endpoint("smtp.acme.test", 587, Encryption.STARTTLS)
    assert (found.username, found.source) == ("ann@acme.test", "SRV records of acme.test")
    assert "can be forged" in found.notes[0]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (["10 1 993 b.acme.test.", "5 1 993 a.acme.test."], "a.acme.test"),
        (["5 1 993 a.acme.test.", "5 9 993 b.acme.test."], "b.acme.test"),
        (["5 1 993 b.acme.test.", "5 1 993 a.acme.test."], "a.acme.test"),
    ],
)
def test_propose_from_srv_records_lowest_priority_then_heaviest_wins(
    records: list[str], expected: str
) -> None:
    found = _propose({**PAIR, ("_imaps._tcp.acme.test", SRV): records})
    assert found is not None
    assert found.imap.host == expected


@pytest.mark.parametrize(
    ("implicit", "starttls", "expected"),
    [(0, 0, Encryption.TLS), (5, 0, Encryption.STARTTLS), (0, 5, Encryption.TLS)],
)
def test_propose_from_srv_records_prefers_tls_from_the_first_byte(
    implicit: int, starttls: int, expected: Encryption
) -> None:
    zone = {
        **PAIR,
        ("_imaps._tcp.acme.test", SRV): [f"{implicit} 1 993 imap.acme.test."],
        ("_imap._tcp.acme.test", SRV): [f"{starttls} 1 143 imap.acme.test."],
    }
    found = _propose(zone)
    assert found is not None
    assert found.imap.encryption is expected


def test_propose_from_srv_records_of_another_domain_wants_confirmation() -> None:
    found = _propose({**PAIR, ("_imaps._tcp.acme.test", SRV): ["0 1 993 imap.evil.test."]})
    assert found is not None
    assert found.notes[0].startswith("imap.evil.test is not of acme.test")


@pytest.mark.parametrize(
    "records",
    [
        {("_imaps._tcp.acme.test", SRV): ["0 0 0 ."]},  # not offered (RFC 6186 §3.4)
        {("_imaps._tcp.acme.test", SRV): ["0 1 0 imap.acme.test."]},
        {("_imaps._tcp.acme.test", SRV): ["0 1 993 im_ap.acme.test."]},
        {("_imaps._tcp.acme.test", SRV): ["0 1 993 localhost."]},
        {("_imaps._tcp.acme.test", SRV): []},
    ],
)
def test_propose_from_srv_records_without_a_usable_pair_is_none(records: Zone) -> None:
    assert _propose({**PAIR, **records}) is None


@pytest.mark.parametrize(
    ("exchange", "name", "imap", "smtp"),
    [
        ("1 aspmx.l.google.com.", "Gmail", "imap.gmail.com", "smtp.gmail.com"),
        (
            "0 acme-test.mail.protection.outlook.com.",
            "Outlook.com",
            "outlook.office365.com",
            "smtp.office365.com",
        ),
        ("10 mx.zoho.eu.", "Zoho Mail", "imappro.zoho.eu", "smtppro.zoho.eu"),
        ("10 in1-smtp.messagingengine.com.", "Fastmail", "imap.fastmail.com", "smtp.fastmail.com"),
        ("10 mx00.kundenserver.de.", "IONOS", "imap.ionos.de", "smtp.ionos.de"),
    ],
)
def test_propose_from_mx_records_names_the_provider(
    exchange: str, name: str, imap: str, smtp: str
) -> None:
    found = _propose({("acme.test", "MX"): ["90 mx.acme.test.", exchange]})
    assert found is not None
    assert (found.name, found.imap.host, found.smtp.host) == (name, imap, smtp)
    assert "MX records of acme.test" in found.source
    assert f"goes to {name}" in found.notes[0]


@pytest.mark.parametrize("exchange", ["10 mx.notgoogle.com.", "10 google.com.evil.test.", "0 ."])
def test_propose_from_mx_records_of_somebody_else_guesses_nothing(exchange: str) -> None:
    assert _propose({("acme.test", "MX"): [exchange]}) is None


def test_propose_from_dns_asks_for_the_domain_only() -> None:
    with run_name_server({}) as server:
        assert propose_from_dns("private-name@Bücher.test", server.address) is None
    assert {name for name, _ in server.questions} == {
        "xn--bcher-kva.test",
        *(
            f"_{service}._tcp.xn--bcher-kva.test"
            for service in ("imaps", "imap", "submissions", "submission")
        ),
    }


def test_propose_from_dns_that_answers_garbage_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailcrm.adapters.mail_dns._TIMEOUT_S", 0.3)
    with run_name_server(PAIR, garbage=b"\x00" * 40) as server:
        assert propose_from_dns("ann@acme.test", server.address) is None


def test_propose_from_dns_of_no_host_name_says_so() -> None:
    with pytest.raises(SettingsError, match="no host name"):
        propose_from_dns(f"ann@{'x' * 70}.test")
