"""Likeness of texts, and what of a text stays the same in every copy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.dedupe.sketch import compare_sketches, is_outdated, is_same_text, make_sketch
from mailcrm.dedupe.text import base_subject, normalise_subject, squeeze_spaces, strip_footers

WORDS = [f"word{n}" for n in range(400)]
PATCH = "Fix it.\n---\n a.c | 2 +-\n\n-- \n1.5.5.1"


@given(st.text())
def test_sketch_of_any_text_is_short_and_equal_to_itself(text: str) -> None:
    sketch = make_sketch(text)
    assert len(sketch) <= 520
    assert is_same_text(sketch, make_sketch(text))


@given(st.text(), st.text())
def test_likeness_is_symmetric_and_within_bounds(one: str, two: str) -> None:
    there = compare_sketches(make_sketch(one), make_sketch(two))
    assert there == compare_sketches(make_sketch(two), make_sketch(one))
    assert 0 <= there.resemblance <= 1
    assert 0 <= there.containment <= 1


def test_long_texts_that_share_nine_tenths_are_the_same() -> None:
    assert is_same_text(make_sketch(" ".join(WORDS)), make_sketch(" ".join(WORDS[40:])))


def test_long_texts_that_share_a_tenth_are_not_the_same() -> None:
    assert not is_same_text(make_sketch(" ".join(WORDS[:220])), make_sketch(" ".join(WORDS[180:])))


@pytest.mark.parametrize("sketch", ["", ":", "7:xyz", "x:00000000", "0:"])
def test_unreadable_sketch_counts_as_empty(sketch: str) -> None:
    assert is_same_text(sketch, make_sketch(""))
    assert not is_same_text(sketch, make_sketch(" ".join(WORDS)))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("[pumps] Re: [pumps]  Seal", "re: seal"),
        ("Re: [pumps] Seal", "re: seal"),
        ("[PATCH 1/2] Seal", "[patch 1/2] seal"),
        ("[#4711] Seal", "[#4711] seal"),
    ],
)
def test_list_tags_go_but_numbers_stay(subject: str, expected: str) -> None:
    assert normalise_subject(subject) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Re: AW: [pumps] Fwd: Seal", ("seal", True)),
        ("Seal", ("seal", False)),
        ("Regarding: Seal", ("regarding: seal", False)),
        ("Re[2]: Seal", ("seal", True)),
    ],
)
def test_base_subject_drops_reply_prefixes(subject: str, expected: tuple[str, bool]) -> None:
    assert base_subject(subject) == expected


def test_footer_of_a_list_is_cut_and_a_patchs_version_line_stays() -> None:
    footer = "\n____________________\npumps mailing list\nhttps://lists.example.org/listinfo/pumps"
    assert strip_footers(PATCH + footer) == PATCH
    assert strip_footers(PATCH) == PATCH


def test_two_footers_of_two_lists_are_both_cut() -> None:
    one = "\n____________________\nto unsubscribe write to a@lists.example.org"
    two = "\n--------------------\nlinuxpumps mailing list"
    assert strip_footers("Hello" + one + two) == "Hello"


@given(st.text(alphabet=st.sampled_from("ab \t\n\r\x0b\x1c\x85\xa0\u2003\u3000é")))
def test_squeezed_spaces_are_those_of_a_split(text: str) -> None:
    assert squeeze_spaces(text) == " ".join(text.split())


def test_sketch_of_a_short_text_is_what_it_always_was() -> None:
    assert make_sketch("The seal leaks") == "3:4272c4d663ed8240e9d1bf04"


def test_sketch_of_a_long_text_is_that_of_its_beginning_and_says_so() -> None:
    long = make_sketch(" ".join(WORDS))
    assert long.startswith("256+:")
    assert long == make_sketch(" ".join(WORDS[:300]))
    assert not is_outdated(long)
    assert not is_outdated(make_sketch(" ".join(WORDS[:200])))


def test_sketch_of_a_text_cut_inside_a_word_leaves_the_word_out() -> None:
    words = ["x" * 100 for _ in range(39)] + ["yyyy" * 100]
    assert make_sketch(" ".join(words)) == make_sketch(" ".join([*words, "zzz"]))


@pytest.mark.parametrize("sketch", ["400:0000000a", "4000:0000000a"])
def test_sketch_that_covers_more_than_sketches_do_now_is_outdated(sketch: str) -> None:
    assert is_outdated(sketch)
