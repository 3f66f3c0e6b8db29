"""The short form: what a message to a colleague would say."""

import re

from mailcrm.adapters.run_page.steps import plan_next_steps
from mailcrm.records import COUNT_NAMES
from mailcrm.records.report import RunPage

__all__ = ["render_markdown"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]|#])")
_SHOWN_ALWAYS = ("listed", "published", "duplicate", "quarantined")


def render_markdown(page: RunPage) -> str:
    """A title, the certificate's sums, what failed, and quarantine by reason."""
    sums = {name: sum(int(row[name]) for row in page.folders) for name in COUNT_NAMES}
    shown = {name: n for name, n in sums.items() if n or name in _SHOWN_ALWAYS}
    balanced = all(row["balanced"] for row in page.folders)
    lines = [
        f"# {_plain(page.mailbox_id)}: {page.state}",
        "",
        f"- window {page.window_since:%Y-%m-%d %H:%M} to {page.window_until:%Y-%m-%d %H:%M} UTC",
        f"- run {_plain(page.run_id)}",
        "- " + ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in shown.items()),
        f"- the certificate {'balances' if balanced else 'does NOT balance'}",
        *_checks(page),
    ]
    if page.release_reason is not None:
        by, why = _plain(page.released_by or ""), _plain(page.release_reason)
        lines.append(f"- released by {by}: {why}")
    lines += [f"- problem: {_plain(text)}" for text in page.problems]
    lines += [f"- {_plain(text)}" for text in plan_next_steps(page)]
    if page.quarantine:
        lines += ["", "| held back by | reason | state | messages |", "|---|---|---|---|"]
        lines += [
            f"| {_plain(held.rule)} | {_plain(held.reason)} | {held.state} | {held.count} |"
            for held in page.quarantine
        ]
    return "\n".join(lines) + "\n"


def _checks(page: RunPage) -> list[str]:
    odd = [check for check in page.checks if not check.passed]
    lines = [f"- {len(page.checks) - len(odd)} of {len(page.checks)} checks passed"]
    lines += [
        f"- {'warning' if check.severity == 'warning' else 'failed'}: {_plain(check.name)}, "
        f"{_plain(check.observed)} (limit: {_plain(check.limit)})"
        for check in odd
    ]
    return lines


def _plain(text: str) -> str:
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", line)
