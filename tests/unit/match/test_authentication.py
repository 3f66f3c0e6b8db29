"""What trusted servers said about the sender."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.match import read_auth_result

TRUSTED = ("mx.us.example",)


def read(*values: str, domain: str = "acme.example") -> str | None:
    return read_auth_result(values, TRUSTED, domain)


@pytest.mark.row("R174", "R176")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("mx.us.example; dmarc=pass header.from=acme.example", "pass"),
        ("mx.us.example; dmarc=fail (p=reject) header.from=acme.example", "fail"),
        ("mx.us.example; dmarc=fail; dkim=pass header.d=evil.example", "fail"),
        ("mx.us.example; dmarc=pass header.from=evil.example", None),
        ("mx.us.example; dkim=pass header.d=mail.acme.example", "pass"),
        ("mx.us.example; dkim=pass header.i=@acme.example", "pass"),
        ("mx.us.example; dkim=pass header.d=evil.example", None),
        ("mx.us.example; dkim=pass header.from=acme.example", None),
        ("mx.us.example; spf=pass smtp.mailfrom=bounce@acme.example", "pass"),
        ("mx.us.example; spf=pass smtp.mailfrom=evil.example", None),
        ("mx.us.example; spf=fail smtp.mailfrom=acme.example", "fail"),
        (
            "mx.us.example; spf=fail smtp.mailfrom=x.example; dkim=pass header.d=acme.example",
            "pass",
        ),
        ("mx.us.example; spf=softfail smtp.mailfrom=acme.example", None),
        ("mx.us.example; dmarc=none; spf=neutral", None),
        ("mx.us.example; arc=pass; iprev=pass", None),
        ("mx.us.example; none", None),
        ("mx.us.example;compauth=fail reason=001", "fail"),
        ('"mx.us.example" 1 (a comment; dmarc=fail) ; dmarc=pass', "pass"),
        ("(first (nested) one) mx.us.example/1; DMARC = PASS", "pass"),
        ('mx.us.example; spf=pass smtp.mailfrom="x; dmarc=pass"', None),
        ("mx.us.example; x=(dmarc=pass", None),
        ("mx.us.example.evil.example; dmarc=pass", None),
        ("evil.example mx.us.example; dmarc=pass", None),
        ("evil.example; dmarc=fail", None),
        ("", None),
        # What stricter readers give up on, and would lose the failure with.
        ("mx.us.example; spf=fail smtp.mailfrom=; dmarc=fail", "fail"),
        ("mx.us.example; spf=none smtp.mailfrom=<>; dmarc=fail", "fail"),
        ("mx.us.example;; dmarc=fail;", "fail"),
        ("mx.us.example; dmarc=fail header.from=b\u00fccher.example", "fail"),
    ],
)
def test_one_header_gives_its_verdict(value: str, expected: str | None) -> None:
    assert read(value) == expected


@pytest.mark.row("R175")
def test_senders_own_header_never_counts() -> None:
    forged = "mx.us.example; dmarc=pass header.from=acme.example"
    real = "mx.us.example; dmarc=none"
    assert read(real, forged) is None
    assert read("mx.us.example; dmarc=fail", forged) == "fail"
    assert read("relay.evil.example; dmarc=pass", "relay.evil.example; spf=pass") is None


@pytest.mark.row("R175")
def test_header_below_a_foreign_one_still_counts() -> None:
    assert read("list.example; dkim=fail", "mx.us.example; dmarc=pass") == "pass"


@pytest.mark.row("R175")
def test_without_trusted_servers_nothing_counts() -> None:
    assert read_auth_result(["mx.us.example; dmarc=pass"], []) is None
    assert read_auth_result(["; dmarc=pass", " ; dmarc=fail"], [""]) is None


def test_without_the_from_domain_only_dmarc_passes() -> None:
    assert read_auth_result(["mx.us.example; dkim=pass header.d=acme.example"], TRUSTED) is None
    assert read_auth_result(["MX.us.example; dmarc=pass"], TRUSTED) == "pass"


@given(st.text(), st.text())
def test_any_text_is_read_without_raising(one: str, two: str) -> None:
    assert read("mx.us.example;" + one, two) in ("pass", "fail", None)
