"""The key of the digests of rejected logins: one for all machines, or a file of one machine."""

from pathlib import Path

from mailcrm.adapters.login_guard import LoginKey
from mailcrm.records import Credential, Direction
from servers.mailboxes import make_mailbox

CREDENTIAL = Credential("ann", "some-password")


def version(home: Path, chosen: str | None) -> str:
    """Of one login, on a machine with this home."""
    return LoginKey(home, chosen).version(make_mailbox(), Direction.IMAP, CREDENTIAL)


def test_login_key_given_to_two_machines_gives_the_same_version(tmp_path: Path) -> None:
    key = "k" * 32
    assert version(tmp_path / "one", key) == version(tmp_path / "two", key)
    assert version(tmp_path / "one", "l" * 32) != version(tmp_path / "one", key)
    assert list(tmp_path.iterdir()) == []


def test_login_key_of_files_differs_between_machines_and_lasts_on_one(tmp_path: Path) -> None:
    assert version(tmp_path / "one", None) == version(tmp_path / "one", None)
    assert version(tmp_path / "one", None) != version(tmp_path / "two", None)
