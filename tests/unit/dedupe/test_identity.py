"""Which message a staged row is."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.dedupe import canonical_message_id, decide_identities, hash_id, plan_identity
from mailcrm.records import (
    Attachment,
    IdentityDecision,
    IdentityEvidence,
    KnownIdentity,
    ParsedMessage,
    Participant,
    StagedIdentity,
)

NOON = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
TEXT = "The pump arrived on Tuesday, but its seal leaks. Can you send a new one this week, please?"
OTHER = "Your invoice is overdue. Wire the amount to the new account below before noon, or else."
FOOTER = """
_______________________________________________
pumps mailing list -- pumps@lists.example.org
To unsubscribe send an email to pumps-leave@lists.example.org
"""


def message(**changes: object) -> ParsedMessage:
    plain = ParsedMessage(
        message_id="one@acme.example",
        subject="Pump",
        sent_at=NOON,
        sent_at_source="date",
        participants=(Participant("from", 0, "ada@acme.example", "Ada Byron"),),
        body_text=TEXT,
        new_text=TEXT,
        size_bytes=900,
        kind="person",
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def stage(*messages: ParsedMessage) -> list[StagedIdentity]:
    return [
        StagedIdentity(1, uid, NOON + dt.timedelta(seconds=uid), plan_identity(one))
        for uid, one in enumerate(messages, start=1)
    ]


def decide(*messages: ParsedMessage) -> list[IdentityDecision]:
    return decide_identities(stage(*messages), [])


def keys(decisions: list[IdentityDecision]) -> list[str]:
    return [one.message_key for one in decisions]


def from_address(address: str, name: str = "") -> tuple[Participant, ...]:
    return (Participant("from", 0, address, name),)


def test_copy_in_another_folder_is_a_second_sighting() -> None:
    first, second = decide(message(), message())
    assert first.message_key == second.message_key
    assert (first.is_first, second.is_first) == (True, False)
    assert not first.is_conflict


def test_copy_through_a_list_with_tag_and_footer_is_the_same_message() -> None:
    listed = message(subject="[pumps] Pump", body_text=TEXT + FOOTER)
    assert plan_identity(listed).fingerprint == plan_identity(message()).fingerprint
    assert len(set(keys(decide(message(), listed)))) == 1


def test_copy_whose_list_rewrote_the_sender_is_the_same_message() -> None:
    rewritten = message(
        participants=(
            Participant("from", 0, "pumps@lists.example.org", "Ada Byron via pumps"),
            Participant("reply_to", 0, "ada@acme.example", "Ada Byron"),
        ),
        list_id="pumps.lists.example.org",
    )
    assert len(set(keys(decide(message(), rewritten)))) == 1


def test_copy_with_another_date_is_no_conflict() -> None:
    later = message(sent_at=NOON + dt.timedelta(days=3))
    decisions = decide(message(), later)
    assert len(set(keys(decisions))) == 1
    assert not any(one.is_conflict for one in decisions)


def test_copy_with_a_long_disclaimer_added_is_the_same_message() -> None:
    noted = message(
        body_text=TEXT + "\n\nThis mail is confidential. " + "Delete it if not you. " * 4
    )
    assert len(set(keys(decide(message(), noted)))) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"participants": from_address("eve@evil.example")}, id="another sender"),
        pytest.param({"body_text": OTHER}, id="another text"),
        pytest.param(
            {"body_text": TEXT + " " + " ".join(f"line{n}" for n in range(90))}, id="far more text"
        ),
    ],
)
def test_same_id_for_another_message_is_a_conflict_of_its_own(other: dict[str, object]) -> None:
    first, second = decide(message(), message(**other))
    assert first.message_key != second.message_key
    assert (first.is_conflict, second.is_conflict) == (False, True)
    assert first.is_first
    assert second.is_first


@pytest.mark.row("R182")
def test_conflict_with_a_known_message_leaves_its_key_alone() -> None:
    known = KnownIdentity("k" * 64, plan_identity(message()))
    forged = message(participants=from_address("eve@evil.example"), body_text=OTHER)
    copy, conflict = decide_identities(stage(message(), forged), [known])
    assert copy.message_key == "k" * 64
    assert not copy.is_first
    assert conflict.message_key != "k" * 64
    assert conflict.is_conflict


def test_conflict_seen_again_keeps_its_key() -> None:
    forged = message(participants=from_address("eve@evil.example"), body_text=OTHER)
    first, second = decide(message(), forged)
    known = [
        KnownIdentity(first.message_key, plan_identity(message())),
        KnownIdentity(second.message_key, plan_identity(forged)),
    ]
    again = decide_identities(stage(forged, message()), known)
    assert keys(again) == [second.message_key, first.message_key]
    assert not any(one.is_first for one in again)


def test_messages_without_id_merge_only_when_all_of_them_is_equal() -> None:
    plain = message(message_id=None)
    other = message(message_id=None, body_text=TEXT + " Thanks.")
    scan = (Attachment("2", "scan.pdf", "application/pdf", 4711),)
    attached = message(message_id=None, attachments=scan)
    found = keys(decide(plain, plain, other, attached))
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_hundred_messages_without_id_in_one_second_stay_a_hundred() -> None:
    many = [message(message_id=None, body_text=f"Alarm on line {n}") for n in range(100)]
    assert len(set(keys(decide(message(), *many)))) == 101


def test_copy_that_lost_its_id_is_recognised_by_its_fingerprint() -> None:
    lost = message(message_id=None)
    assert len(set(keys(decide(message(), lost)))) == 1
    known = KnownIdentity("k" * 64, plan_identity(lost))
    assert keys(decide_identities(stage(message()), [known])) == ["k" * 64]


def test_equal_text_under_two_ids_stays_two_messages() -> None:
    assert len(set(keys(decide(message(), message(message_id="two@acme.example"))))) == 2


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("<a@EXAMPLE.org>", "a@example.ORG", True),
        ("a@exam\r\n ple.org", "a@example.org", True),
        ("A@example.org", "a@example.org", False),
        ("x" * 6000 + "@example.org", "x" * 6001 + "@example.org", False),
    ],
)
def test_message_id_is_compared_in_canonical_form(one: str, two: str, same: bool) -> None:
    assert (canonical_message_id(one) == canonical_message_id(two)) is same
    assert (hash_id(one) == hash_id(two)) is same
    assert len(hash_id(one)) == 64


def variants() -> list[IdentityEvidence]:
    texts = [TEXT, TEXT + FOOTER, OTHER, "", "Ok"]
    people = ["ada@acme.example", "eve@evil.example", ""]
    ids = ["one@acme.example", "two@acme.example", None]
    return [
        plan_identity(message(message_id=i, body_text=t, participants=from_address(p) if p else ()))
        for i in ids
        for p in people
        for t in texts
    ]


VARIANTS = variants()


@given(st.data())
def test_decisions_do_not_depend_on_the_order_of_rows(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(VARIANTS), max_size=12))
    rows = [StagedIdentity(1, uid, NOON, one) for uid, one in enumerate(chosen)]
    mixed = data.draw(st.permutations(rows))
    straight = {one.uid: one for one in decide_identities(rows, [])}
    assert {one.uid: one for one in decide_identities(mixed, [])} == straight
    firsts = [one.message_key for one in straight.values() if one.is_first]
    assert sorted(firsts) == sorted({one.message_key for one in straight.values()})


@given(st.lists(st.sampled_from(VARIANTS), max_size=12))
def test_batch_decided_again_after_publishing_keeps_every_key(
    chosen: list[IdentityEvidence],
) -> None:
    rows = [StagedIdentity(1, uid, NOON, one) for uid, one in enumerate(chosen)]
    decided = decide_identities(rows, [])
    known = [
        KnownIdentity(d.message_key, row.evidence)
        for d, row in zip(decided, rows, strict=True)
        if d.is_first
    ]
    again = decide_identities(rows, known)
    assert not any(one.is_first for one in again)
    first_evidence = {one.message_key: one.evidence for one in known}
    for before, after, row in zip(decided, again, rows, strict=True):
        if row.evidence == first_evidence[before.message_key]:
            assert after.message_key == before.message_key
