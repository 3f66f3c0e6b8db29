"""The files that a bundle holds: for each shard a JSON list of mailboxes, and a DAG file beside it.

A mailbox stays in its shard for good (a hash of its id), so one change touches one shard. The DAG
file names the content's digest: Airflow parses a file again when it changed.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["holds_mailbox", "is_in_part", "shard_number", "write_shards"]

Row = Mapping[str, Any]

STUB = """\
# Airflow DAGs of one shard of the mailboxes, content {digest}.
# Written by mailcrm_dags.bundle from the registry: a change here is overwritten.
from pathlib import Path

from mailcrm_dags.mailbox_dag import build_dags

globals().update(build_dags(Path(__file__).with_suffix(".json")))
"""


def shard_number(mailbox_id: str, shards: int) -> int:
    """The shard of a mailbox; the same in every process and release."""
    return zlib.crc32(mailbox_id.encode()) % shards


def is_in_part(mailbox_id: str, part: int, parts: int) -> bool:
    """Whether a mailbox belongs to one of several deployments over the same registry.

    Each belongs to exactly one, the same in every process and release, and independently of shards.
    """
    digest = hashlib.sha256(mailbox_id.encode()).digest()
    return int.from_bytes(digest[:8]) % parts == part


def write_shards(folder: Path, rows: Sequence[Row], shards: int) -> int:
    """Write what changed, each file in one step; how many shards that were.

    A shard that lost its last mailbox keeps an empty list, so that Airflow sees its DAGs go.
    """
    parts: dict[int, list[Row]] = {}
    for row in rows:
        parts.setdefault(shard_number(str(row["id"]), shards), []).append(row)
    folder.mkdir(parents=True, exist_ok=True)
    return sum(_write_shard(folder, number, parts.get(number, [])) for number in range(shards))


def holds_mailbox(folder: Path, mailbox_id: str, shards: int) -> bool:
    """Whether the files on this machine know a mailbox."""
    path = _path(folder, shard_number(mailbox_id, shards))
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return path.with_suffix(".py").is_file() and any(row["id"] == mailbox_id for row in rows)


def _path(folder: Path, number: int) -> Path:
    return folder / f"mailboxes_{number:03d}.json"


def _write_shard(folder: Path, number: int, rows: Sequence[Row]) -> bool:
    path = _path(folder, number)
    if not rows and not path.exists():
        return False
    content = json.dumps(list(rows), indent=1, sort_keys=True) + "\n"
    stub = STUB.format(digest=hashlib.sha256(content.encode()).hexdigest()[:16])
    if _read(path) == content and _read(path.with_suffix(".py")) == stub:
        return False
    _replace(path, content)
    _replace(path.with_suffix(".py"), stub)
    return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _replace(path: Path, content: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(content, encoding="utf-8")
    draft.replace(path)
