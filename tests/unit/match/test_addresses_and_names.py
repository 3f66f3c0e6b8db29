"""Forms in which addresses, names and domains are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.match import plan_contact_keys
from mailcrm.match.canonical import CANONICAL_RULES, canonical_address
from mailcrm.match.domains import company_domain, is_disposable, is_lookalike, is_shared
from mailcrm.match.names import held_addresses, name_keys, name_of_local_part
from mailcrm.match.roles import is_role_address
from mailcrm.records import Contact, ContactAddress, ContactKey
from mailcrm.records.addresses import normalise_address


@pytest.mark.row("R178")
@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("Ada@ACME.example", "ada@acme.example", True),
        ("ada@acme.example.", "ada@acme.example", True),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", True),
        ("\u212aarl@acme.example", "karl@acme.example", False),  # the Kelvin sign is no k
        ("\u0131an@acme.example", "ian@acme.example", False),  # a dotless i is no i
        ("ada@ac\u043ce.example", "ada@acme.example", False),  # a Cyrillic letter in the domain
        ("ada\uff20acme.example", "ada@acme.example", False),  # a full-width @ is no @
        ("stra\u00dfe@acme.example", "strasse@acme.example", False),
    ],
)
def test_addresses_are_folded_in_ascii_only(one: str, two: str, same: bool) -> None:
    assert (normalise_address(one) == normalise_address(two)) is same


@pytest.mark.row("R179")
@pytest.mark.parametrize(
    ("address", "inbox", "rules"),
    [
        ("A.da+x@googlemail.com", "ada@gmail.com", {"google_domain", "google_plus", "google_dots"}),
        ("ada+x@outlook.com", "ada@outlook.com", {"documented_plus"}),
        ("a.da@outlook.com", "a.da@outlook.com", set()),
        ("ada@me.com", "ada@icloud.com", {"apple_domain"}),
        ("ada@pm.me", "ada@proton.me", {"proton_domain"}),
        ("ada+x@acme.example", "ada@acme.example", {"any_plus"}),
        ("+49123@acme.example", "+49123@acme.example", set()),
        ('"a+b"@gmail.com', '"a+b"@gmail.com', set()),
        ("no address", "no address", set()),
    ],
)
def test_canonical_address_names_its_rules(address: str, inbox: str, rules: set[str]) -> None:
    found = canonical_address(address)
    assert (found.address, found.rules) == (inbox, rules)
    assert found.rules <= set(CANONICAL_RULES)


@given(st.emails())
def test_canonical_address_is_stable(address: str) -> None:
    inbox = canonical_address(address).address
    assert canonical_address(inbox).address == inbox


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Ada Byron", "BYRON, Ada"),
        ("Ada Byron", "Dr. Ada Byron (Acme)"),
        ("Ada Byron", "'Ada Byron' via Pumps"),
        ("José Núñez", "Jose Nunez"),
        ("Ada O'Brien", "Ada O\u2019Brien"),
        ("Jørgen Łuk", "Jorgen Luk"),
        ("Ada Byron <ada@acme.example>", "Ada Byron"),
    ],
)
def test_spellings_of_a_name_are_equal(one: str, two: str) -> None:
    assert name_keys(one).full == name_keys(two).full != ""


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Ada K. Byron", "Ada Byron"),
        ("Deng-Cheng Zhu", "Dengcheng Zhu"),
        ("Ada M Byron", "Byron, Ada"),
    ],
)
def test_variants_of_a_name_share_the_loose_form(one: str, two: str) -> None:
    assert name_keys(one).full != name_keys(two).full
    assert name_keys(one).loose == name_keys(two).loose != ""


@pytest.mark.parametrize("text", ["", "Ada", "ada@acme.example", "A. B.", "4711", "Dr. Ada", "---"])
def test_less_than_a_full_name_gives_no_key(text: str) -> None:
    assert name_keys(text).full in ("", "a b")
    assert name_keys(text).loose == ""


@given(st.text(max_size=400))
def test_any_text_gives_name_keys_of_plain_parts(text: str) -> None:
    keys = name_keys(text)
    assert len(keys.full) <= 1200
    assert keys.full == " ".join(sorted(keys.full.split()))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("ada.byron@acme.example", "ada byron"),
        ("ada_byron+x@acme.example", "ada byron"),
        ("ada@acme.example", ""),
        ("a.byron@acme.example", ""),
        ("ada.2024@acme.example", ""),
    ],
)
def test_local_part_spells_a_name_or_none(address: str, name: str) -> None:
    assert name_of_local_part(address) == name


@pytest.mark.row("R180")
def test_addresses_inside_a_display_name_are_found() -> None:
    assert held_addresses("Ada (ada@acme.example)") == ("ada@acme.example",)
    assert held_addresses("Ada @ Acme") == ()


@pytest.mark.parametrize(
    ("domain", "company"),
    [
        ("mail.acme.co.uk", "acme.co.uk"),
        ("gmail.com", ""),
        ("mailinator.com", ""),
        ("ada.dyndns.org", "ada.dyndns.org"),
        ("localhost", ""),
        ("", ""),
    ],
)
def test_company_domain_is_registrable_and_not_shared(domain: str, company: str) -> None:
    assert company_domain(domain) == company


def test_shared_and_disposable_domains_are_known() -> None:
    assert is_shared("gmx.de")
    assert not is_shared("acme.example")
    assert is_disposable("mailinator.com")
    assert not is_disposable("gmx.de")


@pytest.mark.parametrize(
    ("domain", "other", "expected"),
    [
        ("acmee.example", "acme.example", True),
        ("acmepumps.test", "acmepumps.example", True),
        ("acmepmups.example", "acmepumps.example", True),
        ("acnepumps.example", "acmepumps.example", True),
        ("acmepumps.example", "acmepumps.example", False),
        ("elsewhere.example", "acmepumps.example", False),
        ("gmx.net", "gmx.de", False),  # both are providers
        ("ac.me", "ac.io", False),  # too short to tell
    ],
)
def test_lookalike_domains_are_one_edit_or_another_ending_away(
    domain: str, other: str, expected: bool
) -> None:
    assert is_lookalike(domain, other) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("info@acme.example", True),
        ("Support+de@acme.example", True),
        ("no-reply@acme.example", True),
        ("do_not_reply@acme.example", True),
        ("noreply-4711@acme.example", True),
        ("information@acme.example", False),
        ("norepley@acme.example", False),
        ("ada@info.example", False),
    ],
)
def test_role_addresses_are_known_by_their_local_part(address: str, expected: bool) -> None:
    assert is_role_address(address) is expected


def test_contact_has_keys_of_every_kind_and_none_too_long() -> None:
    long = "x" * 5000 + "@acme.example"
    one = Contact(
        "ada",
        "Ada K. Byron",
        "Acme",
        "acme.example",
        (ContactAddress("Ada+x@Acme.example", True), ContactAddress(long, False)),
    )
    keys = plan_contact_keys(one)
    assert {
        ContactKey("address", "ada+x@acme.example"),
        ContactKey("canonical", "ada@acme.example"),
        ContactKey("name", "ada byron k"),
        ContactKey("name", "~ada byron"),
        ContactKey("domain", "acme.example"),
    } <= keys
    assert max(len(key.key) for key in keys) <= 300


def test_contact_without_anything_has_no_keys() -> None:
    assert plan_contact_keys(Contact("x", "", "", "gmail.com")) == frozenset()


@pytest.mark.row("R165")
@pytest.mark.parametrize("mark", ["\u202e", "\u200b", "\u2066", "\ufeff", "\u00ad", "\x00"])
def test_invisible_marks_are_no_part_of_a_names_keys(mark: str) -> None:
    for text in (f"Ada{mark} Byron", f"{mark}Ada Byron", f"Ada Byron{mark}"):
        assert name_keys(text).full == "ada byron"
    assert name_keys("\u0430da Byron").full != "ada byron"  # a Cyrillic letter is another
