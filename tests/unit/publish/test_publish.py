"""The publish stage bare."""

import pytest

from mailcrm.publish import ContactLink, classify_failure, plan_links


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.1.1", "hard"),
        ("4.4.1", "soft"),
        ("5.2.2", "quota"),
        ("4.2.2", "quota"),
        ("5.7.26", "policy"),
        ("4.7.0", "policy"),
        (None, "hard"),
        ("nonsense", "hard"),
    ],
)
def test_classify_failure_by_enhanced_status(status: str | None, kind: str) -> None:
    assert classify_failure(status) == kind


def test_plan_links_merges_roles_and_keeps_the_strongest_rule() -> None:
    matched = [
        ("m1", "C1", "cc", "secondary_address", 0.9),
        ("m1", "C1", "from", "exact_address", 1.0),
        ("m1", "C2", "to", "exact_address", 1.0),
    ]
    assert plan_links(matched) == [
        ContactLink("m1", "C1", "from,cc", "exact_address", 1.0),
        ContactLink("m1", "C2", "to", "exact_address", 1.0),
    ]
    assert plan_links(reversed(matched)) == plan_links(matched)
