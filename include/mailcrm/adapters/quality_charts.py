"""The charts of the report on match quality: Vega-Lite specifications, drawn to SVG.

Source: vega.github.io/vega-lite/docs; vl-convert carries Vega itself and loads nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mailcrm.match.weights import MATCH_AT, REVIEW_AT
from mailcrm.records.quality import Count, ReviewedRule

__all__ = ["chart_days", "chart_evidence", "chart_precision", "chart_rules", "chart_scores"]

_OUTCOMES = {
    "matched": "#2f7d5b",
    "possible": "#e0a52e",
    "ambiguous": "#c9622b",
    "unmatched": "#8893a5",
    "ignored": "#d5dae2",
}
_NOBODYS = ("own_address", "bulk_sender", "auto_reply", "bounce", "list_address", "role_address")
_SCALE = {"domain": list(_OUTCOMES), "range": list(_OUTCOMES.values())}
_COLOUR = {"field": "outcome", "type": "nominal", "scale": _SCALE, "title": None}
_ORDER = {"field": "rank", "type": "quantitative"}
_CONFIG: dict[str, Any] = {
    "view": {"stroke": None},
    "axisX": {"labelOverlap": "greedy", "tickCount": 8},
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "legend": {"orient": "top", "labelFontSize": 12},
    "font": "DejaVu Sans, Liberation Sans, Arial, sans-serif",
}
_WIDTH = 760
# Text and lines on a light and on a dark page; the outcomes' colours do on both.
_INK = {False: "#1d2430", True: "#e6e9ef"}
_GRID = {False: "#dfe3ea", True: "#39404e"}


def chart_days(counts: Sequence[Count], *, dark: bool = False) -> str:
    """Shares of the outcomes by day."""
    spec = {
        "mark": {"type": "bar"},
        "height": 220,
        "encoding": {
            "x": {"field": "group", "type": "temporal", "timeUnit": "utcyearmonthdate",
                  "title": None, "axis": {"labelAngle": 0, "format": "%d %b"}},
            "y": {"field": "count", "type": "quantitative", "stack": "normalize",
                  "title": "share", "axis": {"format": "%"}},
            "color": _COLOUR,
            "order": _ORDER,
        },
    }  # fmt: skip
    return _draw(spec, _rows(counts), dark)


def chart_rules(counts: Sequence[Count], *, dark: bool = False) -> str:
    """How often each rule decided, and what."""
    shown = [one for one in counts if one.group not in _NOBODYS]
    spec = {
        "mark": {"type": "bar"},
        "height": {"step": 22},
        "encoding": {
            "y": {"field": "group", "type": "nominal", "sort": "-x", "title": None,
                  "axis": {"labelLimit": 260}},
            "x": {"field": "count", "type": "quantitative", "title": "participants",
                  "axis": {"tickMinStep": 1}},
            "color": _COLOUR,
            "order": _ORDER,
        },
    }  # fmt: skip
    return _draw(spec, _rows(shown), dark)


def chart_scores(counts: Sequence[Count], *, dark: bool = False) -> str:
    """Histogram of the scores, with the two borders of the decision."""
    rows = [
        {**row, "low": float(str(row["group"])), "high": float(str(row["group"])) + 0.05}
        for row in _rows(counts)
    ]
    axis = {"values": [n / 10 for n in range(-10, 16, 2)], "format": ".1f"}
    bars = {
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": {"field": "low", "bin": {"binned": True, "step": 0.05}, "title": "score",
                  "axis": axis},
            "x2": {"field": "high"},
            "y": {"field": "count", "type": "quantitative", "title": "participants",
                  "axis": {"tickMinStep": 1}},
            "color": _COLOUR,
            "order": _ORDER,
        },
    }  # fmt: skip
    borders = {
        "data": {
            "values": [{"at": REVIEW_AT, "name": "ask from"}, {"at": MATCH_AT, "name": "link from"}]
        },
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [4, 3], "color": _INK[dark]},
             "encoding": {"x": {"field": "at", "type": "quantitative"}}},
            {"mark": {"type": "text", "baseline": "bottom", "color": _INK[dark]},
             "encoding": {"x": {"field": "at", "type": "quantitative"}, "y": {"value": -3},
                          "text": {"field": "name"}}},
        ],
    }  # fmt: skip
    return _draw({"layer": [bars, borders], "height": 220}, rows, dark)


def chart_precision(rules: Sequence[ReviewedRule], *, dark: bool = False) -> str:
    """Precision by rule with its interval."""
    rows = [
        {"rule": one.rule, "precision": one.precision, "low": one.low, "high": one.high}
        for one in rules
    ]
    y = {"field": "rule", "type": "nominal", "title": None, "sort": None,
         "axis": {"labelLimit": 260}}  # fmt: skip
    lowest = min([one.low for one in rules], default=0.0)
    scale = {"domain": [max(0.0, min(0.9, lowest - 0.02)), 1.0]}
    spec = {
        "height": {"step": 26},
        "encoding": {"y": y},
        "layer": [
            {"mark": {"type": "rule", "size": 2, "color": "#2f7d5b"},
             "encoding": {"x": {"field": "low", "type": "quantitative", "scale": scale,
                                "title": "precision"},
                          "x2": {"field": "high"}}},
            {"mark": {"type": "point", "filled": True, "size": 80, "color": "#2f7d5b"},
             "encoding": {"x": {"field": "precision", "type": "quantitative", "scale": scale}}},
        ],
    }  # fmt: skip
    return _draw(spec, rows, dark)


def chart_evidence(candidate: Mapping[str, object]) -> str:
    """Waterfall of one candidate's evidence, from nothing to the score."""
    evidence = candidate["evidence"]
    rows: list[dict[str, object]] = []
    total = 0.0
    for one in evidence if isinstance(evidence, list) else ():
        weight = float(one["weight"])
        label = f"{one['name']} {weight:+.2f}"
        kind = "for" if weight > 0 else "against" if weight < 0 else "neutral"
        rows.append({"step": label, "from": total, "to": total + weight, "kind": kind})
        total += weight
    rows.append({"step": f"score {total:.2f}", "from": 0.0, "to": total, "kind": "score"})
    scale = {
        "domain": ["for", "against", "neutral", "score"],
        "range": ["#2f7d5b", "#b3402e", "#8893a5", "#34435e"],
    }
    bars = {
        "mark": {"type": "bar", "height": {"band": 0.6}, "minBandSize": 2},
        "encoding": {
            "y": {"field": "step", "type": "nominal", "sort": None, "title": None,
                  "axis": {"labelLimit": 320}},
            "x": {"field": "from", "type": "quantitative", "title": "sum of weights"},
            "x2": {"field": "to"},
            "color": {"field": "kind", "type": "nominal", "title": None, "scale": scale},
        },
    }  # fmt: skip
    borders = {
        "data": {"values": [{"at": REVIEW_AT}, {"at": MATCH_AT}]},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#1d2430"},
        "encoding": {"x": {"field": "at", "type": "quantitative"}},
    }
    return _draw({"layer": [bars, borders], "height": {"step": 30}}, rows)


def _rows(counts: Sequence[Count]) -> list[dict[str, object]]:
    ranks = {name: rank for rank, name in enumerate(_OUTCOMES)}
    return [
        {"group": o.group, "outcome": o.outcome, "count": o.count, "rank": ranks.get(o.outcome, 9)}
        for o in counts
    ]


def _config(dark: bool) -> dict[str, Any]:
    ink, grid = _INK[dark], _GRID[dark]
    lines = {"labelColor": ink, "titleColor": ink, "domainColor": grid, "tickColor": grid}
    return {
        **_CONFIG,
        "background": None,
        "axis": {**_CONFIG["axis"], **lines, "gridColor": grid},
        "legend": {**_CONFIG["legend"], "labelColor": ink, "titleColor": ink},
    }


def _draw(spec: Mapping[str, Any], rows: Sequence[Mapping[str, object]], dark: bool = False) -> str:
    import vl_convert

    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": _WIDTH,
        "data": {"values": list(rows)},
        "config": _config(dark),
        **spec,
    }
    svg = vl_convert.vegalite_to_svg(whole)
    return str(svg)
