"""Duplicates and conversations on public corpora whose truth is known."""

import itertools
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from fakes.evaluation_files import MemoryEvaluationFiles
from mailcrm.adapters.evaluation_files import LocalEvaluationFiles
from mailcrm.dedupe import conversation_ids, conversation_people, hash_id, plan_conversations
from mailcrm.parse import parse_message
from mailcrm.records import ConversationLink
from mailcrm.services.evaluate import DedupeScore, evaluate_dedupe

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
FILES = LocalEvaluationFiles()

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="../shared/corpora is absent")


def score(folder: Path, pairs: Iterable[tuple[str, str, bool]]) -> DedupeScore:
    table = [
        {"file_a": one, "file_b": two, "label": "copy" if same else "distinct"}
        for one, two, same in pairs
    ]
    raw = dict(FILES.read_messages(folder, FILES.list_messages(folder)))
    return evaluate_dedupe(MemoryEvaluationFiles(raw, [], table), folder, folder)


def test_xpost_copies_all_merge_and_nothing_else_does() -> None:
    folder = CORPORA / "xpost_copies"
    path = folder / "expected" / "pairs_truth.csv"
    rows = FILES.read_table(path, ("file_a", "file_b", "message_id"))
    # Of five copies the truth names four pairs, and a few files with themselves.
    group = {row[side]: row["message_id"] for row in rows for side in ("file_a", "file_b")}
    names = FILES.list_messages(folder / "raw")
    pairs = [
        (one, two, group.get(one, one) == group.get(two, two))
        for one, two in itertools.combinations(names, 2)
    ]
    found = score(folder / "raw", pairs)
    assert found.merged_right == sum(is_copy for _, _, is_copy in pairs) > 0
    assert (found.merged_wrong, found.apart_wrong, found.conflicts) == (0, 0, 0)


def test_noid_twins_merge_only_where_the_body_is_equal() -> None:
    folder = CORPORA / "noid_twins"
    rows = FILES.read_table(folder / "expected" / "groups.csv", ("file", "bodysha"))
    body = {row["file"]: row["bodysha"] for row in rows}
    pairs = ((a, b, body[a] == body[b]) for a, b in itertools.combinations(sorted(body), 2))
    found = score(folder / "raw", pairs)
    assert found.merged_right > 0
    assert (found.merged_wrong, found.apart_wrong) == (0, 0)


@pytest.mark.parametrize("dropped", [0.0, 0.1])
def test_list_usrp_threads_are_joined_also_without_a_tenth_of_references(dropped: float) -> None:
    folder = CORPORA / "list_usrp"
    rows = FILES.read_table(folder / "expected" / "threads.csv", ("file", "thread_key"))
    thread = {row["file"]: row["thread_key"] for row in rows}
    chance = random.Random(20261103)
    links = []
    for name, raw in FILES.read_messages(folder / "raw", sorted(thread)):
        parsed = parse_message(raw, None)
        references = () if chance.random() < dropped else conversation_ids(parsed)
        people = conversation_people(parsed.participants, frozenset())
        id_hash = hash_id(parsed.message_id or name)
        links.append(ConversationLink(name, id_hash, references, parsed.sent_at, people))
    found = plan_conversations(links, {}).of_message
    right = wrong = lost = 0
    for one, two in itertools.combinations(sorted(thread), 2):
        is_same, is_joined = thread[one] == thread[two], found[one] == found[two]
        right += is_same and is_joined
        wrong += is_joined and not is_same
        lost += is_same and not is_joined
    assert right / (right + wrong) >= 0.99
    assert right / (right + lost) >= (0.99 if not dropped else 0.85)
