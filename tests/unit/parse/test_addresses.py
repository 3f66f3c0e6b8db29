"""Address fields."""

import pytest

from mailcrm.parse.addresses import ADDRESS_CAP, parse_addresses


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.example", [("", "a@b.example")]),
        ("Mara L <Mara@B.Example>", [("Mara L", "Mara@b.example")]),
        ("a@b.example (Mara (the) L)", [("Mara (the) L", "a@b.example")]),
        ("<a@b.example> (Mara)", [("Mara", "a@b.example")]),
        (
            "Weber, Jonas <j@b.example>, k@b.example",
            [("Weber, Jonas", "j@b.example"), ("", "k@b.example")],
        ),
        ("root, abel", [("", "root"), ("", "abel")]),
        ("Us: Mara <m@b.example>,j@b.example;", [("Mara", "m@b.example"), ("", "j@b.example")]),
        ("undisclosed-recipients:;", []),
        ("a@b.example; c@d.example", [("", "a@b.example"), ("", "c@d.example")]),
        ("<@relay,@hop:a@b.example>", [("", "a@b.example")]),
        ("mara . l @ b . example", [("", "mara.l@b.example")]),
        ('"mara l"@b.example', [("", '"mara l"@b.example')]),
        ('"mara"@b.example', [("", "mara@b.example")]),
        ("=?utf-8?q?Weber,_J?= <j@b.example>", [("Weber, J", "j@b.example")]),
        ('"=?utf-8?q?J=C3=B6rn?=" <j@b.example>', [("Jörn", "j@b.example")]),
        ("Jörn <j@ü.example>", [("Jörn", "j@ü.example")]),
        ("x@[192.0.2.1]", [("", "x@[192.0.2.1]")]),
        ("mailto:a@b.example", [("", "a@b.example")]),
        ("Mara(c) <m(c)@b.example(d)>", [("Mara", "m@b.example")]),
        ('"o\\"neil" <o@b.example>', [('o"neil', "o@b.example")]),
    ],
)
def test_addresses_wellformed_or_old_are_read(value: str, expected: list[tuple[str, str]]) -> None:
    found = parse_addresses(value)
    assert list(found.entries) == expected
    assert not found.malformed


@pytest.mark.row("R177")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("alice@a.example)bob@b.example", []),
        ("alice@a.example(c)bob@b.example", [("c", "alice@a.examplebob@b.example")]),
        ("Mara Lindqvist", []),
        ("<>", []),
        (
            "Mara <m@b.example, Jonas <j@b.example>",
            [("Mara", "m@b.example"), ("Jonas", "j@b.example")],
        ),
        ('"never closed <a@b.example>', [("never closed", "a@b.example")]),
        ("a@b.example c@d.example", [("", "a@b.example"), ("", "c@d.example")]),
        ("a@b@c.example", [("", "a@b@c.example")]),
        ("(" * 500, []),
        ("(" * 100_000, []),
        ('"\\' * 50_000, []),
    ],
)
def test_addresses_malformed_are_flagged(value: str, expected: list[tuple[str, str]]) -> None:
    found = parse_addresses(value)
    assert list(found.entries) == expected
    assert found.malformed


@pytest.mark.parametrize(
    "entry", ["u{}@b.example", '"U, {}" <u{}@b.example>', "=?utf-8?q?U_{}?= <u{}@b.example>"]
)
def test_addresses_fifty_thousand_first_are_kept_and_rest_counted(entry: str) -> None:
    value = ", ".join(entry.replace("{}", str(index)) for index in range(50_000))
    found = parse_addresses(value)
    assert len(found.entries) == ADDRESS_CAP
    assert found.total == 50_000


@pytest.mark.row("R180")
def test_address_spoofed_in_display_name_is_not_taken() -> None:
    found = parse_addresses('"boss@acme.example" <eve@evil.example>')
    assert found.entries == (("boss@acme.example", "eve@evil.example"),)
