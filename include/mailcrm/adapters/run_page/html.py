"""The HTML form. No script, no address of anything outside, and a policy that allows neither."""

import base64
import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from mailcrm.adapters.run_page.steps import plan_next_steps
from mailcrm.records import COUNT_NAMES, CheckResult
from mailcrm.records.report import RunPage

__all__ = ["render_html"]

STYLE = """
:root { color-scheme: light dark; --line: #8884; --ok: #1a7f37; --bad: #cf222e; --warn: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ok: #3fb950; --bad: #ff7b72; --warn: #d29922; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; opacity: .75; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
tfoot td { font-weight: 600; border-bottom: 0; } .wide { overflow-x: auto; }
.state { padding: .1rem .6rem; border-radius: 1rem; border: 1px solid; font-weight: 600; }
.ok { color: var(--ok); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.past { letter-spacing: .1em; white-space: nowrap; } .small { opacity: .75; font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 1rem 0; }
dt { opacity: .75; } dd { margin: 0; overflow-wrap: anywhere; } ul { padding-left: 1.2rem; }
.checks col:nth-child(1) { width: 24% } .checks col:nth-child(2) { width: 9% }
.checks col:nth-child(3) { width: 21% } .checks col:nth-child(4) { width: 34% }
.checks { table-layout: fixed; } .wide th:first-child, .wide td:first-child { min-width: 9rem; }
@media (max-width: 40rem) {
  .checks, .checks tbody, .checks tr { display: block; }
  .checks thead, .checks col { display: none; }
  .checks tr { padding: .35rem 0; border-bottom: 1px solid var(--line); }
  .checks td { display: inline; border: 0; padding-right: .5rem; }
  .checks td:nth-child(1) { font-weight: 600; }
  .checks td:nth-child(4)::before { content: "limit: "; }
  .checks td:nth-child(4), .checks td.past { display: block; }
}
"""
_FINE = ("published", "nothing_new")


def render_html(page: RunPage) -> str:
    """The whole page; everything that comes from outside is escaped."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"{page.mailbox_id}: {page.kind} {page.state}"
    return "".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            _head(page),
            _list("Failed", _failed(page)),
            _list("Problems", page.problems),
            _list("What to do", plan_next_steps(page)),
            _certificate(page),
            _checks(page),
            _quarantine(page),
            _list("Notes", page.notes),
            "</body></html>\n",
        )
    )


def _head(page: RunPage) -> str:
    kind = "ok" if page.state in _FINE else "warn" if page.state == "running" else "bad"
    facts = {
        "window": f"{_moment(page.window_since)} to {_moment(page.window_until)}",
        "started": _moment(page.started_at),
        "finished": "not yet" if page.finished_at is None else _moment(page.finished_at),
        "run": page.run_id,
        "batch": page.batch_id,
        "versions": ", ".join(f"{name} {text}" for name, text in sorted(page.versions.items())),
    }
    if page.release_reason is not None:
        facts["released"] = f"by {page.released_by}: {page.release_reason}"
    if page.decisions:
        facts["decisions"] = ", ".join(f"{n} {name}" for name, n in page.decisions.items())
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return (
        f'<h1>{escape(page.mailbox_id)} <span class="state {kind}">{escape(page.state)}</span>'
        f"</h1><dl>{rows}</dl>"
    )


def _failed(page: RunPage) -> list[str]:
    """The checks that hold the batch, where nobody has to look for them."""
    return [
        f"{check.name.replace('_', ' ')}: {check.observed} (limit: {check.limit})"
        for check in page.checks
        if not check.passed and check.severity == "batch"
    ]


def _certificate(page: RunPage) -> str:
    if not page.folders:
        return "<h2>Certificate</h2><p>No folder was listed.</p>"
    names = [name.replace("_", " ") for name in COUNT_NAMES]
    head = _cells("th", ["folder"], "") + _cells("th", [*names, "balanced"], "n")
    body = "".join(
        "<tr>"
        + _cells("td", [f"{row['folder']} (generation {row['generation']})"], "")
        + _cells("td", [str(row[name]) for name in COUNT_NAMES], "n")
        + _mark(bool(row["balanced"]), "yes", "NO")
        + "</tr>"
        for row in page.folders
    )
    sums = [str(sum(int(row[name]) for row in page.folders)) for name in COUNT_NAMES]
    foot = _cells("td", ["total"], "") + _cells("td", [*sums, ""], "n")
    return (
        "<h2>Certificate</h2><div class=wide><table><caption>Where each listed message ended up"
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f"<tfoot><tr>{foot}</tr></tfoot></table></div>"
    )


def _mark(passed: bool, yes: str, no: str) -> str:
    return f'<td class="n {"ok" if passed else "bad"}">{yes if passed else no}</td>'


def _checks(page: RunPage) -> str:
    if not page.checks:
        return "<h2>Checks</h2><p>The checks did not run.</p>"
    failed = sum(not check.passed for check in page.checks)
    parts = [f"<h2>Checks</h2><p>{len(page.checks) - failed} passed, {failed} did not.</p>"]
    head = _cells("th", ["check", "result", "observed", "limit", "before"], "")
    for group, checks in groupby(page.checks, key=lambda check: check.group):
        rows = "".join(_check(check, page.history.get(check.name, ())) for check in checks)
        parts.append(
            f'<h3>{escape(group)}</h3><table class="checks"><colgroup><col><col><col><col><col>'
            f"</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )
    return "".join(parts)


def _check(check: CheckResult, past: Sequence[bool]) -> str:
    if check.passed:
        result = '<td class="ok">passed</td>'
    elif check.severity == "warning":
        result = '<td class="warn">warning</td>'
    else:
        result = '<td class="bad">failed</td>'
    marks = "".join(
        f'<span class="{"ok" if p else "bad"}">{"●" if p else "✕"}</span>' for p in past
    )
    said = f"{sum(past)} of {len(past)} earlier runs passed" if past else "no earlier run"
    return (
        f"<tr>{_cells('td', [check.name.replace('_', ' ')], '')}{result}"
        f"{_cells('td', [check.observed, check.limit], '')}"
        f'<td class="past" title="{said}">{marks or "none"}</td></tr>'
    )


def _quarantine(page: RunPage) -> str:
    if not page.quarantine:
        return "<h2>Quarantine</h2><p>No message was held back.</p>"
    head = _cells("th", ["rule", "reason", "state"], "") + _cells("th", ["messages"], "n")
    rows = "".join(
        f"<tr>{_cells('td', [held.rule, held.reason, held.state], '')}"
        f"{_cells('td', [str(held.count)], 'n')}</tr>"
        for held in page.quarantine
    )
    return (
        f"<h2>Quarantine</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f'<p class="small">mailcrm quarantine list --mailbox {escape(page.mailbox_id)}</p>'
    )


def _list(title: str, texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<h2>{title}</h2><ul>{items}</ul>" if texts else ""


def _cells(tag: str, texts: Iterable[str], kind: str) -> str:
    mark = f' class="{kind}"' if kind else ""
    return "".join(f"<{tag}{mark}>{escape(text)}</{tag}>" for text in texts)


def _moment(value: dt.datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"
