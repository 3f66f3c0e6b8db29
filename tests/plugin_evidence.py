"""`pytest --evidence FILE.md`: writes what the tests proved, catalogue row by catalogue row.

A test names its rows by `@pytest.mark.row("R006")`; counted points (kill points, byte cuts,
sequences) and seeds come from `record_property("count", n)` and `record_property("seed", s)`.

The long form takes an hour or more. What passed is kept under build/, so that a session that was
cut short goes on where it stopped, as long as not a file has changed.
"""

import dataclasses
import datetime as dt
import json
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
    kept: Path | None = None
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
        if report.when == "teardown" and proof.outcome == "passed" and self.kept is not None:
            with self.kept.open("a") as kept:
                kept.write(json.dumps([report.nodeid, dataclasses.asdict(proof)]) + "\n")

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        cut_short = exitstatus == pytest.ExitCode.INTERRUPTED
        self.path.write_text(render(self.proofs, cut_short=cut_short))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--evidence", metavar="FILE.md", help="write what the tests proved")


def pytest_configure(config: pytest.Config) -> None:
    target = config.getoption("--evidence")
    if target and not hasattr(config, "workerinput"):
        kept = _kept_path(config)
        evidence = Evidence(Path(target), kept, _read_kept(kept))
        config.pluginmanager.register(evidence, "mailcrm-evidence")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    passed = _read_kept(_kept_path(config)) if config.getoption("--evidence") else {}
    if passed:
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
        items[:] = [item for item in items if item.nodeid not in passed]


def _kept_path(config: pytest.Config) -> Path | None:
    """Where this very tree's proofs are kept; None where files differ from the commit."""
    if _git("status", "--porcelain") or _git("rev-parse", "HEAD") == "":
        return None
    folder = config.rootpath / "build"
    folder.mkdir(exist_ok=True)
    return folder / f"evidence-{_git('rev-parse', '--short', 'HEAD')}-{_form()}.jsonl"


def _read_kept(path: Path | None) -> dict[str, Proof]:
    if path is None or not path.exists():
        return {}
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return {name: Proof(**values | {"rows": tuple(values["rows"])}) for name, values in found}


def pytest_runtest_setup(item: pytest.Item) -> None:
    rows = [str(row) for mark in item.iter_markers("row") for row in mark.args]
    if rows:
        item.user_properties.append(("rows", " ".join(sorted(set(rows)))))


def render(proofs: dict[str, Proof], *, cut_short: bool = False) -> str:
    """The page: totals, then one line for each catalogue row."""
    by_row: dict[str, list[tuple[str, Proof]]] = defaultdict(list)
    for name, proof in proofs.items():
        for row in proof.rows:
            by_row[row].append((name, proof))
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    lines = [
        "# Evidence",
        "",
        f"Written by `make evidence` on {dt.datetime.now(dt.UTC):%Y-%m-%d} ({machine}); "
        f"{_form()} form, at commit {_git('rev-parse', '--short', 'HEAD') or 'unknown'}.",
        *(["", "**Cut short**: what is not named below was not run."] if cut_short else []),
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


def _form() -> str:
    return "long" if os.environ.get("MAILCRM_EVIDENCE") == "1" else "short"


def _git(*arguments: str) -> str:
    git = shutil.which("git") or "git"
    found = subprocess.run([git, *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip()


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
