"""How well copies of a message are recognised, measured on labelled pairs."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mailcrm.errors import SettingsError
from mailcrm.ports.evaluation import EvaluationFiles
from mailcrm.services.evaluate.messages import identify_messages, parse_folder, resolve_names
from mailcrm.services.evaluate.scores import rate_of

__all__ = ["DedupeScore", "evaluate_dedupe"]

logger = logging.getLogger(__name__)

_LABELS = {"copy": True, "distinct": False}


@dataclass(frozen=True, slots=True)
class DedupeScore:
    """Labelled pairs by what was decided; `missing` pairs name a file that is not there."""

    merged_right: int
    merged_wrong: int
    apart_right: int
    apart_wrong: int
    missing: int
    conflicts: int
    messages: int

    def as_document(self) -> dict[str, object]:
        """The JSON document of `mailcrm evaluate dedupe`."""
        pairs = self.merged_right + self.merged_wrong + self.apart_right + self.apart_wrong
        return {
            **rate_of(self.merged_right, self.merged_right + self.merged_wrong).as_keys(
                "precision"
            ),
            **rate_of(self.merged_right, self.merged_right + self.apart_wrong).as_keys("recall"),
            "pairs": pairs,
            "merged_right": self.merged_right,
            "merged_wrong": self.merged_wrong,
            "apart_right": self.apart_right,
            "apart_wrong": self.apart_wrong,
            "missing": self.missing,
            "conflicts": self.conflicts,
            "messages": self.messages,
        }


def evaluate_dedupe(files: EvaluationFiles, folder: Path, pairs: Path) -> DedupeScore:
    """Merge the messages of a folder and compare with pairs labelled copy or distinct.

    Args:
        files: Where messages and pairs are read from.
        folder: Folder of .eml files.
        pairs: CSV with file_a, file_b and label.

    Raises:
        SettingsError: a file cannot be read, or a label is neither copy nor distinct.
    """
    rows = files.read_table(pairs, ("file_a", "file_b", "label"))
    identities = identify_messages(parse_folder(files, folder))
    names = resolve_names(list(identities))
    keys = {written: identities[name].message_key for written, name in names.items()}
    counts = {(said, found): 0 for said in (True, False) for found in (True, False)}
    missing = 0
    for number, row in enumerate(rows, start=2):
        is_copy = _label_of(row, pairs, number)
        if row["file_a"] not in keys or row["file_b"] not in keys:
            missing += 1
            continue
        counts[is_copy, keys[row["file_a"]] == keys[row["file_b"]]] += 1
    logger.info("evaluate.dedupe_done messages=%d pairs=%d", len(identities), len(rows))
    return DedupeScore(
        merged_right=counts[True, True],
        merged_wrong=counts[False, True],
        apart_right=counts[False, False],
        apart_wrong=counts[True, False],
        missing=missing,
        conflicts=sum(one.is_conflict for one in identities.values()),
        messages=len(identities),
    )


def _label_of(row: Mapping[str, str], path: Path, number: int) -> bool:
    label = _LABELS.get(row["label"].lower())
    if label is None:
        problem = "label must be copy or distinct"
        raise SettingsError(where=f"{path}: row {number}", problem=problem)
    return label
