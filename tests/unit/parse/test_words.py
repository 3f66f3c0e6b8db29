"""Encoded words and charsets."""

import encodings.aliases

import pytest

from mailcrm.parse.charsets import decode_bytes, find_codec
from mailcrm.parse.words import decode_value


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"plain", "plain"),
        (b"=?iso-8859-1?q?Fr=F6sche?=", "Frösche"),
        (b"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?= an alle", "Grüße an alle"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        (b"=?utf-8?b?w?=\t=?utf-8?b?6k=?=", "é"),
        (b"a =?utf-8?q?b?= c =?utf-8?q?d?=", "a b c d"),
        (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?What?_is?=", "What? is"),
        (b"=?utf-8?q?a_b=5Fc?=", "a b_c"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"=?iso-8859-1?q?Fr\xf6sche?=", "Frösche"),
        (b"=?nope?q?abc?=", "abc"),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        ("Prüfung".encode(), "Prüfung"),
        ("Prüfung".encode("latin-1"), "Prüfung"),
        (b"=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=", "テスト"),
        (b"=?gb2312?B?1tDOxA==?=", "中文"),
        (b"=?ks_c_5601-1987?B?x9GxuQ==?=", "한국"),
    ],
)
def test_words_of_all_forms_are_decoded(raw: bytes, expected: str) -> None:
    assert decode_value(raw) == expected


@pytest.mark.row("R162")
def test_words_utf7_is_never_decoded() -> None:
    assert decode_value(b"=?utf-7?q?+ADw-script+AD4-?=") == "+ADw-script+AD4-"
    assert find_codec("utf-7") is None


@pytest.mark.row("R162")
@pytest.mark.parametrize(
    "charset",
    [
        *sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values()}),
        *("nope", "\x00", "idna", "unicode_escape", "rot13", "undefined", "", "x" * 5_000, "é"),
    ],
)
def test_charset_of_any_name_decodes_to_storable_text(charset: str) -> None:
    data = bytes(range(256)) + b"+ADw-\\ud800 <script>"
    text, _ = decode_bytes(data, charset)
    assert text.encode("utf-8", "surrogatepass")
    word = b"=?" + charset.encode() + b"?q?=ff=00+ADw-\\ud800?="
    assert isinstance(decode_value(word), str)


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        (b"ok", "us-ascii", ("ok", None)),
        ("für".encode(), "us-ascii", ("für", "charset_missing")),
        ("für".encode("latin-1"), "", ("für", "charset_missing")),
        ("für".encode(), "iso-8859-2", ("fĂźr", None)),
        (b"\x93ok\x94", "iso-8859-1", ("\u201cok\u201d", None)),
        (b"abc", "nope", ("abc", "charset_unknown")),
        ("für Käufer".encode("latin-1"), "utf-8", ("für Käufer", "charset_wrong")),
        (
            "für Käufer und Gäste".encode() + b"\xff",
            "utf-8",
            ("für Käufer und Gäste\ufffd", "charset_wrong"),
        ),
    ],
)
def test_charset_declared_wrong_or_missing_falls_back(
    data: bytes, charset: str, expected: tuple[str, str | None]
) -> None:
    assert decode_bytes(data, charset) == expected


def test_charset_undeclared_cyrillic_is_recognised() -> None:
    text = "Добрый день, высылаем вам наше предложение по насосам и трубам. " * 5
    assert decode_bytes(text.encode("koi8-r"), "")[0] == text
