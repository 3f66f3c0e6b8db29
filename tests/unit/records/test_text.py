"""Foreign text made safe."""

import base64
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.records.text import MAX_TEXT_CHARS, escape_text, hide_secrets


@given(st.text() | st.binary())
def test_escape_text_any_input_gives_one_short_visible_line(text: str | bytes) -> None:
    shown = escape_text(text)
    assert len(shown) <= MAX_TEXT_CHARS
    unsafe = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not any(unicodedata.category(character) in unsafe for character in shown)
    shown.encode("utf-8")


def test_escape_text_line_ends_and_direction_marks_become_escapes() -> None:
    assert escape_text("a\r\nb\t\x1b[31m\u202e") == "a\\r\\nb\\t\\x1b[31m\\u202e"


def test_escape_text_long_input_never_cuts_an_escape() -> None:
    shown = escape_text("\x00" * 500)
    assert shown.endswith("\\x00…")
    assert len(shown) <= MAX_TEXT_CHARS


def test_escape_text_undecodable_bytes_stay_readable() -> None:
    assert escape_text(b"caf\xe9 \xc3\xa9") == "caf\\xe9 é"


@given(
    st.text(min_size=8, max_size=30).filter(lambda text: text.strip("*")),
    st.text(st.characters(max_codepoint=127), max_size=9),
    st.text(st.characters(max_codepoint=127), max_size=9),
)
def test_hide_secrets_encoded_anywhere_leaves_no_form(secret: str, lead: str, tail: str) -> None:
    try:
        raw = (lead + secret + tail).encode()
    except UnicodeEncodeError:
        return
    encoded = base64.b64encode(raw).decode()
    said = f"{secret} {encoded} {quote(secret, safe='')} {secret!r}"
    hidden = hide_secrets(said, "user", secret)
    assert secret not in hidden
    assert encoded not in hidden


@pytest.mark.row("R202")
@pytest.mark.parametrize("secret", ["a", "ab", "abcd"])
def test_hide_secrets_short_password_is_hidden_too(secret: str) -> None:
    login = base64.b64encode(f"\0u\0{secret}".encode()).decode()
    hidden = hide_secrets(f"<{secret}> <{login}>", "u", secret)
    assert hidden == "<***> <***>"


def test_hide_secrets_without_a_secret_changes_nothing() -> None:
    assert hide_secrets("535 no", "user", "") == "535 no"
