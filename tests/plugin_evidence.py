"""`pytest --evidence FILE.md`: writes what the tests proved, catalogue row by catalogue row.

A test names its rows by `@pytest.mark.row("R006")`; counted points (kill points, byte cuts,
sequences) and seeds come from `record_property("count", n)` and `record_property("seed", s)`.
"""

import datetime as dt
import os
import platform
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from promises import PROMISES


@dataclass
class Proof:
    """What is known of one test: its rows, outcome, counted points and seed."""

    rows: tuple[str, ...] = ()
    outcome: str = "passed"
    count: int = 1
    seed: str = ""


@dataclass
class Evidence:
    """Collects proofs by test id; runs in xdist's controller."""

    path: Path
    proofs: dict[str, Proof] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        values: dict[str, Any] = dict(report.user_properties)
        rows = tuple(str(values.get("rows", "")).split())
        proof = self.proofs.setdefault(report.nodeid, Proof(rows=rows))
        if report.when == "call":
            proof.count = int(values.get("count", 1))
            proof.seed = str(values.get("seed", ""))
        if report.outcome != "passed":
            proof.outcome = report.outcome

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(render(self.proofs))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--evidence", metavar="FILE.md", help="write what the tests proved")


def pytest_configure(config: pytest.Config) -> None:
    target = config.getoption("--evidence")
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Evidence(Path(target)), "mailcrm-evidence")


def pytest_runtest_setup(item: pytest.Item) -> None:
    rows = [str(row) for mark in item.iter_markers("row") for row in mark.args]
    if rows:
        item.user_properties.append(("rows", " ".join(sorted(set(rows)))))


def render(proofs: dict[str, Proof]) -> str:
    """The page: totals, then one line for each catalogue row."""
    by_row: dict[str, list[tuple[str, Proof]]] = defaultdict(list)
    for name, proof in proofs.items():
        for row in proof.rows:
            by_row[row].append((name, proof))
    long_form = os.environ.get("MAILCRM_EVIDENCE") == "1"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    lines = [
        "# Evidence",
        "",
        f"Written by `make evidence` on {dt.datetime.now(dt.UTC):%Y-%m-%d} ({machine}); "
        f"{'long' if long_form else 'short'} form, at commit {_commit()}.",
        "",
        f"{len(proofs)} tests: {_outcomes(list(proofs.values()))}. {len(by_row)} rows of the "
        "reliability catalogue are named by at least one test.",
        "",
        "## What each promise stands on",
        "",
        "| promise | rows | cases | result |",
        "|---|---|---|---|",
        *_promised(proofs),
        "",
        "## Counted points",
        "",
        "| counted | points | seed | result |",
        "|---|---|---|---|",
        *_counted(proofs),
        "",
        "## Every row",
        "",
        "Rows that are met in another way, in part or not: [adr/0009](adr/0009-rows-not-met.md).",
        "",
        "| row | tests | cases | result | for example |",
        "|---|---|---|---|---|",
        *(_row_line(row, by_row[row]) for row in sorted(by_row)),
    ]
    return "\n".join(lines) + "\n"


def _commit() -> str:
    git = shutil.which("git") or "git"
    found = subprocess.run(
        [git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def _outcomes(proofs: list[Proof]) -> str:
    counts: dict[str, int] = defaultdict(int)
    for proof in proofs:
        counts[proof.outcome] += 1
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items()))


def _promised(proofs: dict[str, Proof]) -> Iterator[str]:
    for number, promise in enumerate(PROMISES, start=1):
        found = [proof for proof in proofs.values() if promise.rows.intersection(proof.rows)]
        named = promise.rows.intersection(row for proof in found for row in proof.rows)
        of_rows = f"{len(named)} of {len(promise.rows)}" if promise.rows else "none"
        cases = f"{sum(proof.count for proof in found):,}"
        yield f"| {number}. {promise.text} | {of_rows} | {cases} | {_outcomes(found)} |"


def _function(name: str) -> str:
    return name.partition("[")[0].rpartition("/")[2]


def _counted(proofs: dict[str, Proof]) -> list[str]:
    grouped: dict[str, list[Proof]] = defaultdict(list)
    for name, proof in proofs.items():
        if proof.count > 1:
            grouped[_function(name)].append(proof)
    return [
        f"| `{name}` | {sum(p.count for p in found):,} | "
        f"{' '.join(sorted({p.seed for p in found if p.seed}))} | {_outcomes(found)} |"
        for name, found in sorted(grouped.items())
    ]


def _row_line(row: str, found: list[tuple[str, Proof]]) -> str:
    functions = sorted({_function(name) for name, _ in found})
    outcomes = _outcomes([proof for _, proof in found])
    return f"| {row} | {len(functions)} | {len(found)} | {outcomes} | `{functions[0]}` |"
