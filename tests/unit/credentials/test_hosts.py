"""Hosts typed on a web page lead outside, or nowhere."""

import pytest

from mailcrm.credentials import MAIL_PORTS, choose_safe_addresses

INNER = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",  # noqa: S104 - looked at, not bound
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "100::1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "localhost",
    "not-an-address",
]


@pytest.mark.row("R193")
@pytest.mark.parametrize("address", INNER)
def test_choose_safe_addresses_inner_spelling_is_refused(address: str) -> None:
    assert choose_safe_addresses("imap.acme.example", 993, [address]) == ()


@pytest.mark.row("R193")
def test_choose_safe_addresses_one_inner_address_spoils_the_answer() -> None:
    assert choose_safe_addresses("imap.acme.example", 993, ["93.184.216.34", "127.0.0.1"]) == ()


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_choose_safe_addresses_outer_address_comes_back(address: str) -> None:
    assert choose_safe_addresses("imap.acme.example", 993, [address]) == (address,)


@pytest.mark.row("R193", "R194")
@pytest.mark.parametrize("port", [0, 22, 80, 110, 443, 3306, 8080])
def test_choose_safe_addresses_other_ports_are_refused(port: int) -> None:
    assert port not in MAIL_PORTS
    assert choose_safe_addresses("imap.acme.example", port, ["93.184.216.34"]) == ()


def test_choose_safe_addresses_vouched_host_may_be_inside() -> None:
    allowed = frozenset({"mail.corp.example"})
    assert choose_safe_addresses("Mail.Corp.Example.", 993, ["10.0.0.5"], allowed) == ("10.0.0.5",)
    assert choose_safe_addresses("mail.corp.example.evil", 993, ["10.0.0.5"], allowed) == ()
