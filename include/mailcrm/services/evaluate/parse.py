"""How well and how fast messages are parsed, measured on a folder of them."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mailcrm.parse import compare_truth, parse_message
from mailcrm.ports import Clock
from mailcrm.ports.evaluation import EvaluationFiles
from mailcrm.records import ParsedMessage
from mailcrm.services.evaluate.messages import resolve_names

__all__ = ["ParseScore", "evaluate_parse"]

logger = logging.getLogger(__name__)

_FAILED = "parser_failed"


@dataclass(frozen=True, slots=True)
class ParseScore:
    """Counts of one folder.

    `raised` messages got through only because the parser's own failure was caught; `mismatches`
    counts, field by field, messages that the truth contradicts, and `mismatched_files` names
    them; `compared` of them had a truth row.
    """

    messages: int
    raised: int
    partial: int
    compared: int
    mismatches: Mapping[str, int]
    mismatched_files: Mapping[str, tuple[str, ...]]
    defects: Mapping[str, int]
    kinds: Mapping[str, int]
    seconds: float

    def as_document(self) -> dict[str, object]:
        """The JSON document of `mailcrm evaluate parse`."""
        speed = round(self.messages / self.seconds, 1) if self.seconds > 0 else None
        return {
            "messages": self.messages,
            "raised": self.raised,
            "partial": self.partial,
            "compared": self.compared,
            "mismatches": dict(sorted(self.mismatches.items())),
            "mismatched_files": {name: list(f) for name, f in self.mismatched_files.items()},
            "defects": dict(sorted(self.defects.items())),
            "kinds": dict(sorted(self.kinds.items())),
            "seconds": round(self.seconds, 3),
            "messages_per_s": speed,
        }


def evaluate_parse(
    files: EvaluationFiles, clock: Clock, folder: Path, truth: Path | None = None
) -> ParseScore:
    """Parse all messages of a folder, time it, and compare with a truth file.

    Args:
        files: Where messages and truth are read from.
        clock: Measures parsing alone, without reading files.
        folder: Folder of .eml files.
        truth: File with one JSON object a line: `file`, and the fields to compare.

    Raises:
        SettingsError: a file cannot be read.
    """
    rows = files.read_lines(truth) if truth else ()
    names = files.list_messages(folder)
    parsed: dict[str, ParsedMessage] = {}
    seconds, raised = 0.0, 0
    for name, raw in files.read_messages(folder, names):
        started = clock.monotonic()
        message = parse_message(raw, internaldate=None)
        seconds += clock.monotonic() - started
        raised += _FAILED in message.defects
        parsed[name] = message
    known = resolve_names(names)
    pairs = [(row, known.get(str(row.get("file", "")))) for row in rows]
    wrong = {name: compare_truth(parsed[name], row) for row, name in pairs if name}
    logger.info("evaluate.parse_done messages=%d elapsed_s=%.3f", len(parsed), seconds)
    return ParseScore(
        messages=len(parsed),
        raised=raised,
        partial=sum(message.partial for message in parsed.values()),
        compared=len(wrong),
        mismatches=Counter(field for fields in wrong.values() for field in fields),
        mismatched_files={name: fields for name, fields in wrong.items() if fields},
        defects=Counter(defect for message in parsed.values() for defect in message.defects),
        kinds=Counter(message.kind for message in parsed.values()),
        seconds=seconds,
    )
