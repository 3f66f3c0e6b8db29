"""What servers say, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.credentials import AnswerKind, RetryPlan, classify_answer
from mailcrm.credentials.answers import MEANINGS, Row
from mailcrm.credentials.codes import IMAP_CODES
from mailcrm.credentials.imap_rows import IMAP_ROWS
from mailcrm.credentials.smtp_provider_rows import SMTP_PROVIDER_ROWS
from mailcrm.credentials.smtp_server_rows import SMTP_SERVER_ROWS
from mailcrm.records import Direction, VerifyState

SMTP_ROWS = SMTP_PROVIDER_ROWS + SMTP_SERVER_ROWS
FOLDER_KINDS = {AnswerKind.FOLDER_MISSING, AnswerKind.NO_PERMISSION}


def _imap_stage(row: Row) -> str:
    return "folders" if row.kind in FOLDER_KINDS else "authenticate"


@pytest.mark.parametrize("row", IMAP_ROWS, ids=lambda row: row.match)
def test_classify_each_known_imap_text_gets_its_own_row(row: Row) -> None:
    answer = classify_answer(Direction.IMAP, _imap_stage(row), None, row.example, "sales")
    expected = row.advice or MEANINGS[row.kind].advice
    assert answer.kind is row.kind
    assert answer.is_known
    assert answer.advice == expected.format(direction="imap", connection="mailbox_sales_imap")


@pytest.mark.parametrize("row", SMTP_ROWS, ids=lambda row: row.match)
def test_classify_each_known_smtp_text_gets_its_own_row(row: Row) -> None:
    code, _, text = row.example.partition(" ")
    answer = classify_answer(Direction.SMTP, "authenticate", code, text, "sales")
    expected = row.advice or MEANINGS[row.kind].advice
    assert answer.kind is row.kind
    assert answer.is_known
    assert answer.advice == expected.format(direction="smtp", connection="mailbox_sales_smtp")
    assert answer.code is not None
    assert answer.code.startswith(code)


def test_table_is_large_and_every_row_has_a_source() -> None:
    rows = IMAP_ROWS + SMTP_ROWS
    assert len(rows) >= 120
    assert all(row.source and row.match == row.match.lower() for row in rows)
    assert len({(row.match, row in IMAP_ROWS) for row in rows}) == len(rows)


@pytest.mark.parametrize("kind", AnswerKind)
def test_meaning_of_each_kind_is_one_sentence_for_people(kind: AnswerKind) -> None:
    advice = MEANINGS[kind].advice
    assert advice.endswith(".")
    assert advice.count(". ") == 0


@pytest.mark.parametrize("code", IMAP_CODES)
@pytest.mark.parametrize("stage", ["authenticate", "folders"])
def test_classify_standard_response_code_alone_is_known(code: str, stage: str) -> None:
    by_caller = classify_answer(Direction.IMAP, stage, code, "xyzzy")
    by_text = classify_answer(Direction.IMAP, stage, "NO", f"[{code}] xyzzy")
    assert by_caller == by_text
    assert by_caller.is_known
    assert by_caller.code == code


@pytest.mark.parametrize(
    ("code", "kind", "retry"),
    [
        ("AUTHENTICATIONFAILED", AnswerKind.CREDENTIALS, RetryPlan.NEVER),
        ("EXPIRED", AnswerKind.PASSWORD_EXPIRED, RetryPlan.NEVER),
        ("UNAVAILABLE", AnswerKind.TEMPORARY, RetryPlan.SOON),
        ("AUTHORIZATIONFAILED", AnswerKind.NOT_CONNECTED, RetryPlan.NEVER),
        ("PRIVACYREQUIRED", AnswerKind.ENCRYPTION_NEEDED, RetryPlan.NEVER),
        ("LIMIT", AnswerKind.TOO_MANY_CONNECTIONS, RetryPlan.LATER),
        ("REFERRAL", AnswerKind.POLICY, RetryPlan.NEVER),
    ],
)
def test_classify_login_refusal_by_code_tells_permanent_from_passing(
    code: str, kind: AnswerKind, retry: RetryPlan
) -> None:
    answer = classify_answer(Direction.IMAP, "authenticate", code, "Login failed")
    assert (answer.kind, answer.retry) == (kind, retry)


def test_classify_exchange_throttling_waits_as_long_as_the_server_says() -> None:
    text = "Request is throttled. Suggested Backoff Time: 299961 milliseconds"
    answer = classify_answer(Direction.IMAP, "authenticate", "BAD", text)
    assert answer.state is VerifyState.UNREACHABLE
    assert answer.retry_after_s == pytest.approx(299.961)


def test_classify_unknown_login_refusal_is_never_retried() -> None:
    for direction, code in ((Direction.IMAP, "NO"), (Direction.SMTP, "535")):
        answer = classify_answer(direction, "authenticate", code, "xyzzy")
        assert answer.kind is AnswerKind.CREDENTIALS
        assert answer.retry_after_s is None


def test_classify_unknown_smtp_texts_fall_to_the_class_of_their_stage() -> None:
    assert classify_answer(Direction.SMTP, "greeting", "554", "x").kind is AnswerKind.POLICY
    assert classify_answer(Direction.SMTP, "identity", "550", "x").kind is AnswerKind.IDENTITY
    assert classify_answer(Direction.SMTP, "identity", "451", "x").kind is AnswerKind.TEMPORARY
    assert classify_answer(Direction.IMAP, "greeting", "BYE", "x").kind is AnswerKind.TEMPORARY


def test_classify_transient_reply_with_permanent_enhanced_code_is_tried_again() -> None:
    answer = classify_answer(Direction.SMTP, "authenticate", "454", "5.7.8 try later")
    assert answer.state is VerifyState.UNREACHABLE
    assert answer.retry_after_s is not None


def test_classify_multi_line_reply_matches_across_repeated_codes() -> None:
    text = "5.7.8 Username and Password\n5.7.8 not accepted. For more information, go to"
    answer = classify_answer(Direction.SMTP, "authenticate", "535", text)
    assert answer.code == "535 5.7.8"
    assert "app password" in answer.advice


@given(
    st.sampled_from(Direction),
    st.sampled_from(["greeting", "tls", "authenticate", "folders", "identity", "?"]),
    st.none() | st.text(max_size=12),
    st.text(max_size=300),
)
def test_classify_any_text_gives_an_answer_without_its_words(
    direction: Direction, stage: str, code: str | None, text: str
) -> None:
    answer = classify_answer(direction, stage, code, text)
    assert "{" not in answer.advice
    assert answer.state is not VerifyState.OK
    assert (answer.retry is RetryPlan.NEVER) == (answer.retry_after_s is None)
    assert answer.retry_after_s is None or 1 <= answer.retry_after_s <= 86_400


@pytest.mark.row("R074")
@pytest.mark.parametrize("text", ["AUTHENTICATE failed.", "LOGIN failed."])
def test_classify_microsoft_refusal_of_a_right_password_advises_oauth(text: str) -> None:
    answer = classify_answer(Direction.IMAP, "authenticate", "NO", text, "sales")
    assert "xoauth2" in answer.advice
    assert answer.retry_after_s is None
