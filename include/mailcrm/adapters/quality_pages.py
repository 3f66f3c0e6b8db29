"""The report on match quality as one HTML file: Vega-Lite charts, drawn to SVG when it is made.

Nothing runs in the reader's browser and nothing is loaded: the page works from disk and in mail.
"""

import html
from collections.abc import Sequence
from pathlib import Path

from mailcrm.adapters.quality_charts import (
    chart_days,
    chart_evidence,
    chart_precision,
    chart_rules,
    chart_scores,
)
from mailcrm.errors import SettingsError
from mailcrm.records.quality import MatchCounts, QualityReport, ReviewedRule
from mailcrm.records.text import escape_text

__all__ = ["SvgQualityPages"]

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2430}
body{margin:2rem auto;max-width:62rem;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .3rem}p{margin:.2rem 0 .8rem}
.quiet{color:#5a6473}figure{margin:0;overflow-x:auto}svg{max-width:100%;height:auto}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
"""


class SvgQualityPages:
    """See `ports.QualityPages`."""

    def write_report(self, report: QualityReport, path: Path) -> int:
        """See `ports.QualityPages`."""
        page = _page(report).encode("utf-8")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(page)
        except OSError as error:
            problem = f"cannot be written: {error.strerror}"
            raise SettingsError(where=str(path), problem=problem) from None
        return len(page)

    def draw_chart(
        self, name: str, counts: MatchCounts, rules: Sequence[ReviewedRule], *, dark: bool
    ) -> str | None:
        """See `ports.QualityPages`."""
        if name == "days":
            return chart_days(counts.by_day, dark=dark)
        if name == "rules":
            return chart_rules(counts.by_rule, dark=dark)
        if name == "scores":
            return chart_scores(counts.by_score, dark=dark)
        if name == "precision":
            return chart_precision(rules, dark=dark)
        return None


def _page(report: QualityReport) -> str:
    decisions = sum(one.count for one in report.counts.by_rule)
    parts = [
        "<h1>Match quality</h1>",
        f'<p class="quiet">{decisions} decisions, {report.reviews} judged by people. '
        f"Rules {_text(report.rule_version)}, made {_text(report.made_at)}.</p>",
    ]
    if not decisions:
        parts.append("<p>Nothing is published yet, so there is nothing to show.</p>")
    else:
        parts += _counted(report)
    parts += _judged(report)
    parts += _explained(report)
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Match quality</title>'
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _counted(report: QualityReport) -> list[str]:
    return [
        _figure(
            "Outcomes over time",
            "Share of participants by what was decided, by day of arrival (UTC).",
            chart_days(report.counts.by_day),
        ),
        _figure(
            "By rule",
            "Which evidence decided, and what came of it; own addresses and machines left out.",
            chart_rules(report.counts.by_rule),
        ),
        _figure(
            "Scores",
            "Sum of the evidence's weights, of everybody for whom a contact was suggested.",
            chart_scores(report.counts.by_score),
        ),
    ]


def _judged(report: QualityReport) -> list[str]:
    title = "Precision of automatic links, by people's verdicts"
    if not report.rules:
        hint = "No automatic link was judged yet: mailcrm review sample draws some."
        return [f"<h2>{title}</h2>", f"<p>{hint}</p>"]
    rows = "".join(
        f'<tr><td>{_text(one.rule)}</td><td class="n">{one.right} of {one.reviewed}</td>'
        f'<td class="n">{one.precision:.4f}</td><td class="n">{one.low:.4f} to {one.high:.4f}</td>'
        "</tr>"
        for one in report.rules
    )
    head = '<tr><th>rule</th><th class="n">right</th><th class="n">precision</th>'
    head += '<th class="n">95 % interval</th></tr>'
    note = "Points with their 95 % Wilson intervals; true of all mail where links were sampled."
    return [_figure(title, note, chart_precision(report.rules)), f"<table>{head}{rows}</table>"]


def _explained(report: QualityReport) -> list[str]:
    case = report.example
    if case is None or not case.candidates:
        return []
    best = case.candidates[0]
    note = (
        f"{_text(case.display_name)} &lt;{_text(case.address)}&gt;, {_text(case.place.role)}: "
        f"{_text(case.decided.outcome)} by {_text(case.decided.rule)}. What ties the address to "
        f"contact {_text(str(best['contact_id']))}:"
    )
    return [_figure("One decision, step by step", note, chart_evidence(best))]


def _figure(title: str, note: str, svg: str) -> str:
    return f'<h2>{title}</h2>\n<p class="quiet">{note}</p>\n<figure>{svg}</figure>'


def _text(value: str) -> str:
    return html.escape(escape_text(value, 200))
