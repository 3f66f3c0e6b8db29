"""The tasks of the DAGs that belong to no mailbox: each calls one service."""

from dataclasses import asdict
from typing import Any

from mailcrm_dags.connections import AirflowCredentials

__all__ = ["health_digest", "registry_copy", "rematch", "retention"]


def rematch() -> dict[str, Any]:
    """Decide again on every stored message that changed contacts or rules can touch."""
    from mailcrm.services.rematch import run_rematch
    from mailcrm.services.review_wiring import open_review_services

    with open_review_services() as services:
        report = run_rematch(services)
    return {
        "messages": len(report.messages),
        "gained": len(report.gained),
        "lost": len(report.lost),
        "kept": len(report.kept),
        "protected": report.protected,
    }


def health_digest() -> dict[str, Any]:
    """Count how all mailboxes are; tell people of those without a good run in time."""
    from mailcrm.services.chores import run_digest
    from mailcrm.services.wiring import open_services

    with open_services(credentials=AirflowCredentials()) as services:
        digest = asdict(run_digest(services))
    return {name: dict(v) if isinstance(v, dict) else v for name, v in digest.items()}


def retention() -> int:
    """Delete staged rows that no run can use any more; the ledger and the CRM keep theirs."""
    from mailcrm.services.chores import run_retention
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        return run_retention(services)


def registry_copy() -> None:
    """Write the registry to `registry.json` in MAILCRM_HOME, for people and backups."""
    from mailcrm.services.registry import write_snapshot
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        write_snapshot(services)
