"""The one source of TLS contexts."""

import ast
import ssl
from pathlib import Path

import pytest

import mailcrm
from mailcrm.adapters.tls import is_loopback, make_tls_context, tls_symptom
from mailcrm.errors import SettingsError
from mailcrm.records import TlsPolicy

SOURCE = Path(mailcrm.__file__).parent
MAKERS = {
    "SSLContext",
    "create_default_context",
    "_create_unverified_context",
    "_create_stdlib_context",
    "wrap_socket",
}


def test_context_verifies_chain_and_name_and_keeps_no_key_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = make_tls_context(TlsPolicy())
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None


@pytest.mark.parametrize("content", [None, "no certificate", ""])
def test_context_with_a_useless_ca_file_names_the_field(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=r"tls\.ca_file"):
        make_tls_context(TlsPolicy(ca_file=str(path)))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104 - a spelling, nothing is bound
        ("0", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_is_loopback_knows_only_plain_spellings(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_tls_symptom_of_any_error_is_a_word() -> None:
    assert tls_symptom(TimeoutError()) == "silent"
    assert tls_symptom(ssl.SSLEOFError()) == "closed"
    assert tls_symptom(ConnectionResetError()) == "closed"
    assert tls_symptom(ValueError("x")) == "tls_failed"


@pytest.mark.row("R118")
def test_contexts_are_made_in_one_module_only() -> None:
    """Certificates stay verified because nobody else can leave it out."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            made = node.func if isinstance(node, ast.Call) else None
            if isinstance(made, ast.Attribute) and made.attr in MAKERS:
                found.add(path.relative_to(SOURCE).as_posix())
    assert found <= {"adapters/tls.py", "adapters/dial.py"}
