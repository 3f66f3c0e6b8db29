"""What all evaluations begin with: messages of a folder, parsed and told apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mailcrm.dedupe import decide_identities, plan_identity
from mailcrm.parse import parse_message
from mailcrm.ports.evaluation import EvaluationFiles
from mailcrm.records import IdentityDecision, ParsedMessage, StagedIdentity

__all__ = ["identify_messages", "parse_folder", "resolve_names"]


def parse_folder(files: EvaluationFiles, folder: Path) -> dict[str, ParsedMessage]:
    """Parse every .eml file below a folder; by name, in the names' order."""
    names = files.list_messages(folder)
    return {
        name: parse_message(raw, internaldate=None)
        for name, raw in files.read_messages(folder, names)
    }


def identify_messages(parsed: Mapping[str, ParsedMessage]) -> dict[str, IdentityDecision]:
    """Decide which message each file is, as if all had come in one batch."""
    staged = [
        StagedIdentity(1, number, None, plan_identity(message))
        for number, message in enumerate(parsed.values())
    ]
    return dict(zip(parsed, decide_identities(staged, ()), strict=True))


def resolve_names(known: Sequence[str]) -> dict[str, str]:
    """Names as truth files write them: the path below the folder, or the bare file name where
    only one file has it.
    """
    by_base: dict[str, list[str]] = {}
    for name in known:
        by_base.setdefault(Path(name).name, []).append(name)
    bare = {base: names[0] for base, names in by_base.items() if len(names) == 1}
    return bare | {name: name for name in known}
