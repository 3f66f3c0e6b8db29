"""Fixtures of the second IMAP server, and of both servers for what must hold on either."""

from collections.abc import Iterator

import pytest

from servers.cyrus import CyrusServer, CyrusUser, run_cyrus
from servers.imap_user import ImapUser

BOTH = [
    pytest.param("dovecot", marks=pytest.mark.needs_dovecot),
    pytest.param("cyrus", marks=pytest.mark.needs_cyrus),
]


@pytest.fixture(scope="session")
def cyrus() -> Iterator[CyrusServer]:
    """One Cyrus per test session (per worker)."""
    with run_cyrus() as server:
        yield server


@pytest.fixture
def cyrus_user(cyrus: CyrusServer) -> CyrusUser:
    """A user of Cyrus that no other test uses."""
    return cyrus.new_user()


@pytest.fixture(params=BOTH)
def imap_user(request: pytest.FixtureRequest) -> ImapUser:
    """A user that no other test uses: of Dovecot, then of Cyrus."""
    user: ImapUser = request.getfixturevalue(f"{request.param}_user")
    return user
