"""Credentials from Airflow's connection variables."""

import json
import pickle

import pytest

from mailcrm.adapters.secrets import EnvironmentCredentials
from mailcrm.errors import CredentialError, ImapCredentialError, SmtpCredentialError
from mailcrm.records import Direction

VARIABLE = "AIRFLOW_CONN_MAILBOX_SALES_IMAP"
CANARY = "c4nary-s3cret"


def _read(value: str | None, direction: Direction = Direction.IMAP) -> tuple[str, str]:
    environment = {} if value is None else {VARIABLE: value}
    credential = EnvironmentCredentials(environment).read_credential("sales", direction)
    return credential.username, credential.password


def test_read_credential_json_takes_login_and_password_only() -> None:
    value = {
        "conn_type": "imap",
        "login": "jane@acme.example",
        "password": "pässwörd",
        "host": "evil.example",
        "port": 1,
        "extra": {"x": 1},
    }
    assert _read(json.dumps(value)) == ("jane@acme.example", "pässwörd")


def test_read_credential_uri_decodes_percent_signs() -> None:
    assert _read("imap://jane%40acme.example:p%40ss%2Fw@host:993/?x=1") == (
        "jane@acme.example",
        "p@ss/w",
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "is not set"),
        ("", "is not set"),
        (f"{{{CANARY}", "neither JSON nor a URI"),
        (CANARY, "neither JSON nor a URI"),
        (f'["{CANARY}"]', "neither JSON nor a URI"),
        (f'{{"password": "{CANARY}"}}', "has no login"),
        (f'{{"login": "{CANARY}"}}', "has no password"),
        (f'{{"login": ["{CANARY}"], "password": 3}}', "has no login"),
        (f"imap://{CANARY}@host", "has no password"),
        (f"imap://[{CANARY}", "neither JSON nor a URI"),
    ],
)
def test_read_credential_broken_value_names_the_variable_and_not_the_value(
    value: str | None, problem: str
) -> None:
    with pytest.raises(ImapCredentialError, match=problem) as caught:
        _read(value)
    assert VARIABLE in str(caught.value)
    assert CANARY not in f"{caught.value!r} {caught.value.fields} {caught.value.__context__!r}"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_read_credential_smtp_missing_raises_its_own_error() -> None:
    with pytest.raises(SmtpCredentialError, match="AIRFLOW_CONN_MAILBOX_SALES_SMTP"):
        _read(None, Direction.SMTP)


def test_credentials_repr_never_shows_a_secret() -> None:
    value = json.dumps({"login": "jane", "password": CANARY})
    store = EnvironmentCredentials({VARIABLE: value})
    credential = store.read_credential("sales", Direction.IMAP)
    assert CANARY not in f"{store!r} {credential!r} {credential}"
    assert issubclass(ImapCredentialError, CredentialError)
