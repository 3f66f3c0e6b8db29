"""Messages made to hurt: each is read within 2 s of one core and 64 MB, whatever it holds.

The limits are the system's, set on a child for each message, so that a busy machine changes
nothing.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from unit.parse.nasties import NASTIES

SCRIPT = Path(__file__).with_name("nasties.py")


@pytest.fixture(scope="module")
def ends() -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.row(name.split()[0])) for name in NASTIES]
)
def test_message_made_to_hurt_is_read_within_limits(ends: dict[str, str], name: str) -> None:
    assert ends[name] == "fine"
