"""Results on disk: every measurement is kept at once, so that a run that was cut short goes on."""

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import Measure

HERE = Path(__file__).parent
# From so many messages on results are kept beside the code, to be compared with later.
OF_RECORD = 20_000


def describe_machine() -> dict[str, Any]:
    """What the figures depend on, without the machine's name."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": memory,
            "python": platform.python_version(), "system": platform.system()}  # fmt: skip


def read_revision() -> str:
    """The commit that is measured, with `+` where the tree differs from it."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(HERE), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../include")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def find_folder(messages: int) -> Path:
    """Where results of this size are kept."""
    return HERE / "results" if messages >= OF_RECORD else HERE.parent / "var" / "bench"


@dataclass(slots=True)
class Results:
    """All measurements of one run of the benchmark, by case and by what was measured."""

    path: Path
    data: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, messages: int, is_fresh: bool, folder: Path | None = None) -> "Results":
        """Carry on with today's file of this revision and size, else begin a new one."""
        is_asked_for = folder is not None
        folder = folder or find_folder(messages)
        folder.mkdir(parents=True, exist_ok=True)
        revision, today = read_revision(), dt.datetime.now(dt.UTC).date().isoformat()
        path = folder / f"{today}-{messages}.json"
        if path.exists() and not is_fresh:
            data = json.loads(path.read_text())
            if is_asked_for or data["revision"] == revision:
                return cls(path, data)
        head = {"date": today, "revision": revision, "machine": describe_machine()}
        return cls(path, {**head, "messages": messages, "cases": {}})

    def taken(self, case: str, what: str) -> list[dict[str, Any]]:
        """The measurements that there are already."""
        found: list[dict[str, Any]] = self.data["cases"].get(case, {}).get(what, [])
        return found

    def add(self, case: str, what: str, measure: Measure) -> None:
        """Keep one more."""
        of_case = self.data["cases"].setdefault(case, {})
        of_case.setdefault(what, []).append(measure.to_json())
        self.write()

    def note(self, case: str, **values: Any) -> None:
        """Keep what is true of the case's mailbox."""
        self.data["cases"].setdefault(case, {}).setdefault("mailbox", {}).update(values)
        self.write()

    def write(self) -> None:
        """Replace the file whole."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.data, indent=1, sort_keys=True) + "\n")
        new.replace(self.path)

    def median(self, case: str, what: str, name: str = "wall_s") -> float | None:
        """The median of a figure, None where nothing was measured."""
        values = [one[name] for one in self.taken(case, what)]
        return statistics.median(values) if values else None

    def ratios(self) -> dict[str, float]:
        """What is compared between machines and days: never seconds, only ratios within a run."""
        found: dict[str, float] = {}
        for case, measured in self.data["cases"].items():
            for what in measured:
                ours = self.median(case, what) if what.startswith("mailcrm") else None
                for peer in ("mbsync", "server"):
                    theirs = self.median(case, peer)
                    if ours and theirs:
                        found[f"{case}: {what} / {peer}"] = round(ours / theirs, 3)
        return found


def previous(results: Results) -> dict[str, Any] | None:
    """The latest stored result of the same size, other than this one."""
    older = sorted(results.path.parent.glob(f"*-{results.data['messages']}.json"))
    older = [path for path in older if path != results.path]
    return json.loads(older[-1].read_text()) if older else None
