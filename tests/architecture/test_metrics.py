"""Names of metrics agree: in the code, the docs, the exporter's mapping and the dashboard."""

import json
import re

import yaml

from architecture.project import ROOT
from mailcrm.records.metrics import METRICS, MetricKind

DOCS = (ROOT / "docs" / "production.md").read_text()
MAPPINGS = yaml.safe_load((ROOT / "deploy" / "statsd-exporter.yaml").read_text())["mappings"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "mailcrm.json").read_text())


def prometheus_name(name: str) -> str:
    """What the first mapping that fits makes of a metric, as the exporter does."""
    for mapping in MAPPINGS:
        found = re.fullmatch(
            re.escape(mapping["match"]).replace(r"\*", "([^.]*)"), f"airflow.{name}"
        )
        if found:
            return str(mapping["name"]).replace("$1", found[1] if found.groups() else "")
    return f"airflow_{name}".replace(".", "_")


def test_docs_name_every_metric_with_its_labels_and_nothing_else() -> None:
    rows = re.findall(r"^\| `(mailcrm\.\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", DOCS, re.MULTILINE)
    assert {name: (kind, labels, text) for name, kind, labels, text in rows} == {
        metric.name: (metric.kind.value, ", ".join(metric.labels), metric.meaning)
        for metric in METRICS.values()
    }


def test_mapping_counters_end_in_total_and_timers_are_histograms() -> None:
    for metric in METRICS.values():
        name = prometheus_name(metric.name)
        assert name.startswith("mailcrm_")
        assert name.endswith("_total") == (metric.kind is MetricKind.COUNTER)
    (histogram,) = (m for m in MAPPINGS if m.get("observer_type") == "histogram")
    assert histogram["match"] == "airflow.mailcrm.stage_s"


def test_dashboard_shows_every_metric_and_only_known_names_and_labels() -> None:
    queries = [t["expr"] for panel in DASHBOARD["panels"] for t in panel["targets"]]
    used = {
        re.sub("_bucket$", "", name)
        for query in queries
        for name in re.findall(r"\bmailcrm_\w+", query)
    }
    assert used == {prometheus_name(metric.name) for metric in METRICS.values()}
    labels = {label for metric in METRICS.values() for label in metric.labels} | {"le"}
    grouped = {
        label.strip()
        for query in queries
        for group in re.findall(r"by \((.*?)\)", query)
        for label in group.split(",")
    }
    assert grouped <= labels


def test_alerts_use_metrics_that_are_sent() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus-alerts.yaml").read_text())["groups"]
    known = {prometheus_name(metric.name) for metric in METRICS.values()}
    used = {name for rule in rules[0]["rules"] for name in re.findall(r"mailcrm_\w+", rule["expr"])}
    assert used
    assert used <= known


def test_dashboard_panels_do_not_overlap_and_have_titles_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
