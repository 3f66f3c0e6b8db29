"""The tasks of the DAGs that belong to no mailbox: each calls one service."""

from typing import Any

__all__ = ["rematch"]


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
