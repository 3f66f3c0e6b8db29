"""Fixtures of SMTP servers and certificates."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.certificates import TestAuthority
from servers.smtp_sink import SmtpSink, run_smtp_sink


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """One certificate authority per test session."""
    return TestAuthority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """A plain SMTP server (loopback only), with AUTH."""
    with run_smtp_sink() as sink:
        yield sink


@pytest.fixture
def smtp_sink_tls(authority: TestAuthority) -> Iterator[SmtpSink]:
    """An SMTP server with implicit TLS and AUTH."""
    with run_smtp_sink(tls=authority.server_context()) as sink:
        yield sink


@pytest.fixture
def smtp_sink_starttls(authority: TestAuthority) -> Iterator[SmtpSink]:
    """An SMTP server with STARTTLS, and AUTH after it."""
    with run_smtp_sink(starttls=authority.server_context()) as sink:
        yield sink
