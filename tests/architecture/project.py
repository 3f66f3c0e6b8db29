"""Where things are in this repository, and how to read them."""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE_FOLDERS = ("include", "dags", "plugins")


def tracked_files() -> list[Path]:
    """Every file that git would keep: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def code_files() -> list[Path]:
    """The product's own Python files."""
    return [
        path
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in CODE_FOLDERS
    ]


def parse(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(), filename=str(path))


def short(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()


def read_pins(name: str) -> dict[str, set[str]]:
    """A requirements file's packages with their pinned versions (several where markers differ)."""
    pins: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if found := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            pins.setdefault(found[1].lower(), set()).add(found[2])
    return pins


def read_wanted(name: str) -> set[str]:
    """The package names that an `.in` file asks for."""
    wanted = set()
    for line in (ROOT / name).read_text().splitlines():
        if found := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line):
            wanted.add(found[0].lower())
    return wanted
