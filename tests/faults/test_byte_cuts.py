"""The connection ends, or lies, at any byte of a whole run; the next run makes it good."""

import dataclasses
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes.mail_reader import FakeMailbox
from faults.conftest import RecordProperty
from faults.engine import DAY, NOW, Product, deliver, filled, point_to, product_on
from faults.world import compare
from mailcrm.errors import MailcrmError, ServerUnreachableError
from servers.fault_proxy import DOWN, UP, Fault, FaultProxy, run_fault_proxy
from servers.honest_imap import run_honest_imap

IS_LONG = os.environ.get("MAILCRM_EVIDENCE") == "1"
PARTS = range(10)
CUTS_PER_PART = 100
FLIPS_PER_PART = 100 if IS_LONG else 15
UNTIL = NOW + 2 * DAY
SEED = 20261120
FOLDERS = ("INBOX", "Archive")
IN_WINDOW = (*(("INBOX", uid) for uid in range(1, 6)), ("Archive", 1), ("Archive", 2))


def mailbox() -> FakeMailbox:
    """Two folders, a copy in both, and mail on both sides of the window."""
    found = filled(5)
    archive = found.create_folder("Archive")
    archive.add(found.folders["INBOX"].messages[2])
    deliver(archive, "archived", arrived=NOW - 2 * DAY)
    deliver(archive, "too old", arrived=NOW - 90 * DAY)
    return found


@dataclasses.dataclass
class Bench:
    """The engine behind a proxy, on a database that is set back as often as one likes."""

    proxy: FaultProxy
    template: Path
    path: Path
    product: Product

    def fresh(self) -> Product:
        """The product as if it never ran; it keeps its compiled SQL, which saves half the time."""
        self.product.engine.dispose()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self.template, self.path)
        point_to(self.product.services, self.proxy.port, FOLDERS)
        return self.product

    def undisturbed(self) -> tuple[dict[str, int], Any]:
        """How many bytes pass in a whole run, and what it leaves behind."""
        self.proxy.arm(None)
        product = self.fresh()
        product.run_fine(until=UNTIL)
        return dict(self.proxy.passed), settled(product)


@pytest.fixture(scope="module")
def bench(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One honest server and one proxy for all."""
    path = tmp_path_factory.mktemp("cuts") / "mailcrm.db"
    with run_honest_imap(mailbox()) as server, run_fault_proxy(server.port) as proxy:
        options: dict[str, Any] = {"fetch_chunk_messages": 3, "command_timeout_s": 0.5}
        services, engine = product_on(path, template, proxy.port, FOLDERS, **options)
        yield Bench(proxy, template, path, Product(services, engine))
        engine.dispose()
        assert server.wait_until_closed()


def offsets(length: dict[str, int], part: int, count: int) -> list[tuple[str, int]]:
    """This part's share: every offset of both directions, or a seeded sample of them."""
    points = [(direction, at) for direction in (UP, DOWN) for at in range(length[direction])]
    if not IS_LONG:
        points = random.Random(SEED).sample(points, count * len(PARTS))
    return points[part :: len(PARTS)]


def harm_and_repair(
    bench: Bench, faults: Sequence[Fault], expected: Any, check: Callable[[Product], None]
) -> None:
    """Each fault on a fresh database, then one plain run; both end like one undisturbed run."""
    for fault in faults:
        product = bench.fresh()
        bench.proxy.arm(fault)
        failure = product.run(until=UNTIL).failure
        assert failure is None or isinstance(failure, MailcrmError), fault
        assert bench.proxy.struck, fault
        check(product)
        bench.proxy.arm(None)
        product.run_fine(until=UNTIL)
        assert compare(expected, settled(product)) == [], fault


def settled(product: Product) -> Any:
    """All that runs leave behind; of two copies either may be the one that came first."""
    found = dict(product.dump())
    found["sync_ledger"] = sorted(
        line.replace('"duplicate"', '"published"') for line in found["sync_ledger"]
    )
    return found


def nothing_doubled(product: Product) -> None:
    """What is published so far is published once, from the window."""
    subjects = product.subjects()
    assert len(set(subjects)) == len(subjects)
    assert "About too old" not in subjects


@pytest.mark.row("R119", "R024", "R059", "R060", "R061")
@pytest.mark.parametrize("part", PARTS)
def test_run_cut_at_any_byte_is_made_good_by_the_next(
    bench: Bench, part: int, record_property: RecordProperty
) -> None:
    length, expected = bench.undisturbed()
    points = offsets(length, part, CUTS_PER_PART)
    kinds = random.Random(SEED + part).choices(("cut", "reset"), (4, 1), k=len(points))
    faults = [Fault(d, at, kind) for (d, at), kind in zip(points, kinds, strict=True)]
    harm_and_repair(bench, faults, expected, nothing_doubled)
    record_property("count", len(faults))
    record_property("seed", SEED)


@pytest.mark.row("R122")
@pytest.mark.parametrize("part", PARTS)
def test_run_with_one_bit_flipped_crashes_nothing(
    bench: Bench, part: int, record_property: RecordProperty
) -> None:
    """Without TLS a flip inside a text is a text, and one inside a date is a date; but none may
    leave a message without its row in the ledger.
    """
    length, _ = bench.undisturbed()
    chance = random.Random(SEED + 1 + part)
    points = random.Random(SEED + 2).sample(range(length[DOWN]), FLIPS_PER_PART * len(PARTS))
    for at in points[part :: len(PARTS)]:
        fault = Fault(DOWN, at, "flip", bit=chance.randrange(8))
        product = bench.fresh()
        bench.proxy.arm(fault)
        failure = product.run(until=UNTIL).failure
        assert failure is None or isinstance(failure, MailcrmError), fault
        assert bench.proxy.struck, fault
        bench.proxy.arm(None)
        product.run(until=UNTIL)
        assert product.run(until=UNTIL).failure is None, fault
        ended = product.rows(
            "SELECT g.folder, l.uid FROM sync_ledger l JOIN sync_generations g "
            "ON g.generation_id = l.generation_id WHERE g.uidvalidity IN (1, 2) "
            "AND l.state IN ('published', 'duplicate', 'quarantined', 'outside')"
        )
        assert set(ended) >= set(IN_WINDOW), fault
    record_property("count", FLIPS_PER_PART)
    record_property("seed", SEED)


@pytest.mark.row("R119", "R120")
@pytest.mark.parametrize("direction", [UP, DOWN])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_run_swallowed_connection_ends_at_the_deadline_and_is_made_good(
    bench: Bench, direction: str, share: float
) -> None:
    length, expected = bench.undisturbed()
    fault = Fault(direction, int(length[direction] * share), "hole")
    harm_and_repair(bench, [fault], expected, nothing_doubled)


@pytest.mark.row("R121")
@pytest.mark.parametrize("direction", [UP, DOWN])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(slice_bytes=1),
        Fault(slice_bytes=7),
        Fault(latency_s=0.05),
        Fault(slice_bytes=512, bytes_per_s=20_000),
    ],
    ids=["one byte", "seven bytes", "latency", "bandwidth"],
)
def test_run_over_a_slow_line_ends_like_an_undisturbed_one(
    bench: Bench, fault: Fault, direction: str
) -> None:
    _, expected = bench.undisturbed()
    product = bench.fresh()
    bench.proxy.arm(dataclasses.replace(fault, direction=direction))
    report = product.run(until=UNTIL)
    bench.proxy.arm(None)
    assert report.failure is None
    assert compare(expected, settled(product)) == []
    assert report.commands_sent <= 4 * 8 + 7


@pytest.mark.row("R057", "R121")
def test_run_over_a_line_that_hardly_moves_ends_at_the_deadline(bench: Bench) -> None:
    _, expected = bench.undisturbed()
    product = bench.fresh()
    bench.proxy.arm(Fault(slice_bytes=8, bytes_per_s=300))
    failure = product.run(until=UNTIL).failure
    bench.proxy.arm(None)
    assert isinstance(failure, ServerUnreachableError)
    assert "no complete answer within" in str(failure)
    product.run_fine(until=UNTIL)
    assert compare(expected, settled(product)) == []
