"""Broken connections, explained by the field to change."""

import pytest

from mailcrm.credentials import classify_symptom
from mailcrm.credentials.symptoms import _SYMPTOMS
from mailcrm.records import Direction, Encryption, Endpoint, VerifyState

ALL = [*_SYMPTOMS, "plaintext_port", "silent", "never heard of"]


@pytest.mark.parametrize("symptom", ALL)
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("encryption", Encryption)
def test_symptom_of_any_connection_has_advice(
    symptom: str, direction: Direction, encryption: Encryption
) -> None:
    endpoint = Endpoint("mail.acme.example", 4711, encryption)
    diagnosis = classify_symptom(direction, endpoint, symptom, "sales")
    assert diagnosis.advice.endswith(".")
    assert "{" not in diagnosis.advice
    assert diagnosis.state in (VerifyState.UNREACHABLE, VerifyState.MISCONFIGURED)


def test_symptom_plaintext_port_says_starttls_or_the_port_for_tls() -> None:
    endpoint = Endpoint("smtp.acme.example", 587, Encryption.TLS)
    advice = classify_symptom(Direction.SMTP, endpoint, "plaintext_port").advice
    assert advice == (
        "Port 587 speaks plain text first: set smtp.encryption to starttls, or smtp.port to 465 "
        "for tls."
    )


def test_symptom_silence_on_the_tls_port_is_a_wrong_setting() -> None:
    endpoint = Endpoint("smtp.acme.example", 465, Encryption.STARTTLS)
    diagnosis = classify_symptom(Direction.SMTP, endpoint, "silent")
    assert diagnosis.state is VerifyState.MISCONFIGURED
    assert "smtp.encryption to tls" in diagnosis.advice
    assert diagnosis.retry_after_s is None


@pytest.mark.parametrize("symptom", ["plaintext_port", "starttls_missing"])
def test_symptom_of_a_plain_server_on_this_machine_does_not_lead_in_a_circle(symptom: str) -> None:
    for encryption in (Encryption.TLS, Encryption.STARTTLS):
        endpoint = Endpoint("127.0.0.1", 3143, encryption)
        advice = classify_symptom(Direction.IMAP, endpoint, symptom).advice
        assert "none, which a server on this machine may have" in advice
        assert "993" not in advice
