"""Settings proposed for an address: from the table, or from a domain's own file."""

import pytest

from mailcrm.backfill import find_hidden_mail
from mailcrm.credentials import (
    find_provider_of_host,
    parse_autoconfig,
    propose_ownership,
    propose_settings,
)
from mailcrm.credentials.provider_rows import PROVIDERS
from mailcrm.records import Encryption, FolderStatus, Ownership

PORTS = {993: Encryption.TLS, 465: Encryption.TLS, 587: Encryption.STARTTLS}
AUTOCONFIG = b"""<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="acme.example">
  <displayName>Acme</displayName>
  <incomingServer type="pop3"><hostname>pop.acme.example</hostname><port>995</port>
    <socketType>SSL</socketType></incomingServer>
  <incomingServer type="imap"><hostname>plain.acme.example</hostname><port>143</port>
    <socketType>plain</socketType></incomingServer>
  <incomingServer type="imap"><hostname>imap.%EMAILDOMAIN%</hostname><port>993</port>
    <socketType>SSL</socketType><username>%EMAILLOCALPART%</username></incomingServer>
  <outgoingServer type="smtp"><hostname>smtp.acme.example</hostname><port>587</port>
    <socketType>STARTTLS</socketType></outgoingServer>
</emailProvider></clientConfig>"""


@pytest.mark.row("R131")
@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_provider_row_is_encrypted_sourced_and_found(row: object) -> None:
    provider = next(found for found in PROVIDERS if found is row)
    for endpoint in (provider.imap, provider.smtp):
        assert endpoint.encryption is not Encryption.NONE
        assert PORTS.get(endpoint.port, endpoint.encryption) is endpoint.encryption
    assert all(source.startswith("https://") for source in provider.sources)
    assert provider.password.endswith(".")
    for domain in provider.domains:
        found = propose_settings(f"ann@{domain.upper()}")
        assert found is not None
        assert found.name == provider.name
    if provider.hosts:
        assert find_provider_of_host(provider.imap.host) is provider


def test_providers_share_no_domain() -> None:
    domains = [domain for row in PROVIDERS for domain in row.domains]
    assert len(domains) == len(set(domains))


@pytest.mark.parametrize("address", ["ann@gmail.com", "ann@outlook.com"])
def test_propose_settings_says_that_oauth_is_better_and_what_there_is(address: str) -> None:
    found = propose_settings(address)
    assert found is not None
    notes = " ".join(found.notes)
    assert "OAuth" in notes
    assert "auth: xoauth2" in notes


def test_propose_settings_unknown_domain_guesses_nothing() -> None:
    assert propose_settings("ann@acme.example") is None


@pytest.mark.row("R142")
def test_propose_settings_icloud_wants_the_local_part() -> None:
    found = propose_settings("ann@icloud.com")
    assert found is not None
    assert found.username == "ann"


@pytest.mark.parametrize(
    ("local", "shared"),
    [("support", True), ("sales", True), ("billing+x", True), ("sales-eu", True), ("ann", False),
     ("ann.sales.smith", False), ("supporter", False), ("INFO", True)],
)  # fmt: skip
def test_propose_ownership_role_addresses_are_shared(local: str, shared: bool) -> None:
    wanted = Ownership.SHARED if shared else Ownership.PERSONAL
    assert propose_ownership(f"{local}@acme.example") is wanted


def test_find_provider_of_host_needs_a_whole_label() -> None:
    assert find_provider_of_host("imap.notgmail.com") is None
    found = find_provider_of_host("IMAP.GMAIL.COM.")
    assert found is not None
    assert found.name == "Gmail"


def test_find_hidden_mail_names_what_is_known_of_the_provider() -> None:
    status = FolderStatus(name="INBOX", exists=10_000, uidvalidity=1, uidnext=90_000)
    provider = find_provider_of_host("imap.mail.yahoo.com")
    assert provider is not None
    assert "Yahoo shows only" in (find_hidden_mail(status, provider.hides_mail) or "")


def test_parse_autoconfig_takes_encrypted_servers_and_fills_in_the_address() -> None:
    found = parse_autoconfig(AUTOCONFIG, "ann@acme.example", "https://acme.example/x")
    assert found is not None
    assert (found.imap.host, found.imap.port) == ("imap.acme.example", 993)
    assert (found.smtp.encryption, found.username) == (Encryption.STARTTLS, "ann")
    assert found.source == "https://acme.example/x"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<html>", b"\xff\xfe", b"<clientConfig/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><clientConfig>&a;</clientConfig>',
        AUTOCONFIG.replace(b"imap.%EMAILDOMAIN%", b"evil host\r\n"),
        AUTOCONFIG.replace(b"993", b"99999999"),
        AUTOCONFIG.replace(b"SSL", b"plain"),
    ],
)  # fmt: skip
def test_parse_autoconfig_hostile_file_is_none(raw: bytes) -> None:
    assert parse_autoconfig(raw, "ann@acme.example", "x") is None
