"""What a slice is called where people watch a run."""

from mailcrm.records import FolderSlice
from mailcrm.services.wiring import Services

__all__ = ["LABEL_LENGTH", "label_slice"]

LABEL_LENGTH = 120


def label_slice(services: Services, part: FolderSlice) -> str:
    """Folder, the days of its first and last message, and how many: `INBOX 2026-11-01 to …`."""
    moments = [
        entry.internaldate
        for uid in {part.uid_low, part.uid_high}
        for entry in services.ledger.read_entries(part.generation_id, uid, uid).values()
        if entry.internaldate is not None
    ]
    days = f"{min(moments):%Y-%m-%d} to {max(moments):%Y-%m-%d}" if moments else "undated"
    tail = f" {days}, {part.message_count} messages, uid {part.uid_low}-{part.uid_high}"
    return part.folder[: LABEL_LENGTH - len(tail)] + tail
