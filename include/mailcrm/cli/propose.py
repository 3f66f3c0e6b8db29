"""What `mailbox propose` prints: the settings, and a registry file to start from."""

import re
from typing import TYPE_CHECKING

from mailcrm.cli.output import Reply, one_line

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.records import Endpoint
    from mailcrm.services.propose import Proposal

__all__ = ["proposal_reply"]


def proposal_reply(found: "Proposal") -> Reply:
    """The proposal, and a registry file."""
    document: dict[str, object] = {
        "address": found.address,
        "provider": found.name,
        "imap": _fields(found.imap),
        "smtp": _fields(found.smtp),
        "username": found.username,
        "ownership": found.ownership.value,
        "notes": list(found.notes),
        "source": found.source,
        "registry_file": _registry_file(found),
    }

    def show(console: "Console") -> None:
        console.print(f"{one_line(found.name)}, from {one_line(found.source)}")
        for note in found.notes:
            console.print(f"- {one_line(note)}")
        console.print(f"Login of both connections: {one_line(found.username)}\n")
        console.print(str(document["registry_file"]))

    return Reply(document, show)


def _fields(endpoint: "Endpoint") -> dict[str, object]:
    return {
        "host": endpoint.host,
        "port": endpoint.port,
        "encryption": endpoint.encryption.value,
    }


def _registry_file(found: "Proposal") -> str:
    import yaml

    name = re.sub(r"[^a-z0-9]+", "_", found.address.rpartition("@")[0].lower()).strip("_")
    entry: dict[str, object] = {
        "id": (name if name[:1].isalpha() else f"mailbox_{name}")[:40].strip("_"),
        "address": found.address,
        "display_name": found.address,
        "imap": _fields(found.imap),
        "smtp": _fields(found.smtp),
        "folders": ["INBOX", "\\Sent"],
        "backfill": {"days": 7},
        "ownership": found.ownership.value,
    }
    if found.ownership.value == "shared":
        entry["shared"] = dict.fromkeys(
            (
                "owner_team",
                "record_target",
                "display_name_of",
                "rotation_owner",
                "failed_send_monitor",
            ),
            "",
        )
    text: str = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True)
    return text
