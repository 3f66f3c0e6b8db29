"""Whole runs at the limits: a million messages, few descriptors, a tarpit, no server at all."""

import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fakes.mail_reader import FakeFolder, FakeMailbox, FakeMessage
from faults.conftest import OpenProduct, RecordProperty
from faults.engine import (
    DAY,
    NOW,
    Product,
    deliver,
    filled,
    open_product,
    point_to,
    product_on,
)
from mailcrm.errors import ServerUnreachableError
from servers.honest_imap import Answer, VirtualMessages, run_honest_imap
from servers.imap_quirks import hang_up, only
from servers.ports import free_port

IS_LONG = os.environ.get("MAILCRM_EVIDENCE") == "1"
ROOT = Path(__file__).parents[2]
MILLION = 1_000_000
LISTING = """
import datetime as dt, sys
from faults.engine import peak_mib
from mailcrm.adapters.imap import open_imap
from mailcrm.records import Credential, Window
from mailcrm.services.searching import search_folder
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
mailbox = make_mailbox(imap_port=int(sys.argv[1]))
window = Window(dt.datetime.fromisoformat(sys.argv[2]))
with open_imap(mailbox, Credential("ann", "none"), Settings()) as reader:
    status = reader.examine("INBOX")
    search = search_folder(reader, status, window)
    count = sum(len(uids) for _, uids in search.parts)
    last = max(uid for _, uids in search.parts for uid in uids)
    print(count, last, peak_mib())
"""
PLANNING = """
import pathlib, sys
from faults.engine import make_template, peak_mib, product_on
from mailcrm.services.plan import run_plan
folder = pathlib.Path(sys.argv[2])
services, engine = product_on(
    folder / "a.db", make_template(folder), int(sys.argv[1]), command_timeout_s=300.0
)
plan = run_plan(services, "sales", "sales/million")
count = sum(part.message_count for part in plan.slices)
print(count, peak_mib())
"""
FAILING = """
import resource, sys, pathlib
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from faults.engine import open_product, filled, make_template
from servers.imap_quirks import hang_up
folder, runs = pathlib.Path(sys.argv[1]), int(sys.argv[2])
verbs = ("LOGIN", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH", "CAPABILITY")
with open_product(folder / "a.db", make_template(folder), filled(3)) as product:
    for run in range(runs):
        product.honest.quirks = [hang_up(verbs[run % len(verbs)])]
        failure = product.run().failure
        assert failure is not None, run
        assert "descriptor" not in str(failure) and "many open" not in str(failure), failure
    product.honest.quirks = []
    product.run_fine()
    product.expect_inbox()
    print(len(list(pathlib.Path("/proc/self/fd").iterdir())))
"""


def run_python(code: str, *arguments: str) -> list[str]:
    """Run code in a process of its own; the words of its last line."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'tests'}"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def virtual(count: int, in_window: int) -> FakeMailbox:
    """Very many messages, of which the latest lie inside the window."""
    old, new = NOW - 400 * DAY, NOW - DAY

    def make(uid: int) -> FakeMessage:
        is_new = uid > count - in_window
        raw = f"From: ada@customer.example\r\nSubject: About v{uid}\r\n"
        raw += f"Message-ID: <v{uid}@customer.example>\r\n\r\nNumber {uid}.\r\n"
        return FakeMessage(raw.encode(), new if is_new else old)

    folder = FakeFolder(messages=VirtualMessages(count, make), uidnext=count + 1)  # type: ignore[arg-type]
    return FakeMailbox({"INBOX": folder})


@pytest.mark.row("R019", "R232")
@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 ESEARCH"])
def test_search_of_a_million_messages_stays_below_200_mib(capabilities: str) -> None:
    with run_honest_imap(virtual(MILLION, MILLION)) as server:
        server.capabilities = capabilities
        since = (NOW - 10 * DAY).isoformat()
        count, last, peak = map(int, run_python(LISTING, str(server.port), since))
    assert (count, last) == (MILLION, MILLION)
    assert peak < 200


@pytest.mark.row("R019", "R232")
def test_run_of_a_million_messages_reads_only_the_window(beside: OpenProduct) -> None:
    with beside(virtual(MILLION, 30), command_timeout_s=120.0) as product:
        summary = product.run_fine()
        assert summary.certificate.total("published") == 30
        assert product.honest.bodies == 30
        listed = product.rows("SELECT count(*) FROM sync_ledger")[0][0]
        assert listed < 1000


@pytest.mark.row("R019", "R232")
def test_plan_of_a_whole_long_folder_stays_below_200_mib(
    tmp_path: Path, record_property: RecordProperty
) -> None:
    """Every message is new: each gets its row in the ledger."""
    size = MILLION if IS_LONG else 100_000
    record_property("count", size)
    with run_honest_imap(virtual(size, size)) as server:
        count, peak = map(int, run_python(PLANNING, str(server.port), str(tmp_path)))
    assert count == size
    assert peak < 200


@pytest.mark.row("R229")
def test_run_failing_again_and_again_leaves_no_socket_open(
    tmp_path: Path, record_property: RecordProperty
) -> None:
    runs = 1000 if IS_LONG else 120
    record_property("count", runs)
    assert int(run_python(FAILING, str(tmp_path), str(runs))[0]) < 40


@pytest.mark.row("R233")
def test_run_beside_a_tarpit_is_not_held_up(tmp_path: Path, template: Path) -> None:
    drip = only("UID SEARCH", lambda c, a: Answer(a.lines, a.final, drip_s=0.2))
    tarpit = open_product(tmp_path / "slow.db", template, filled(5), drip, command_timeout_s=3.0)
    with tarpit as slow, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow.run)
        for number in range(20):
            with open_product(tmp_path / f"{number}.db", template, filled(5)) as product:
                product.run_fine()
                product.expect_inbox()
        assert isinstance(waiting.result(60).failure, ServerUnreachableError)
        assert slow.subjects() == []


@pytest.mark.row("R231")
def test_run_large_message_is_cut_at_the_cap_and_named(beside: OpenProduct) -> None:
    mailbox = filled(2)
    deliver(mailbox.folders["INBOX"], "large", body="A line of text.\r\n" * 40_000)
    with beside(mailbox, message_cap_bytes=100_000) as product:
        product.run()
        assert {"About m1", "About m2"} <= set(product.subjects())
        assert product.state_of(3) in ("published", "quarantined")
        sizes = product.rows("SELECT size_bytes FROM crm_messages WHERE subject = 'About large'")
        assert all(size > 600_000 for (size,) in sizes)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        yield listener.getsockname()[1]


@pytest.mark.row("R111", "R115", "R120")
@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_run_without_a_server_says_where_and_heals(
    tmp_path: Path, template: Path, silent_port: int, kind: str
) -> None:
    port = silent_port if kind == "silent" else free_port()
    services, engine = product_on(tmp_path / "a.db", template, port, greeting_timeout_s=0.3)
    product = Product(services, engine)
    text = product.run_badly()
    assert "127.0.0.1" in text
    assert str(port) in text
    with run_honest_imap(filled(3)) as server:
        point_to(services, server.port)
        product.run_fine()
    assert len(product.subjects()) == 3
    engine.dispose()


Resolver = Callable[..., list[tuple[object, ...]]]


@pytest.mark.row("R111")
@pytest.mark.parametrize(
    ("code", "word"),
    [
        (socket.EAI_NONAME, "no server is named"),
        (socket.EAI_AGAIN, "name"),
        (socket.EAI_FAIL, "name"),
    ],
)
def test_run_name_that_does_not_resolve_is_told_apart_and_heals(
    beside: OpenProduct, monkeypatch: pytest.MonkeyPatch, code: int, word: str
) -> None:
    def fail(*args: object, **kwargs: object) -> list[object]:
        raise socket.gaierror(code, "the name is not known")

    with beside(filled(3)) as product:
        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", fail)
            text = product.run_badly()
        assert word in text.lower()
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R112")
def test_run_falls_back_to_the_address_that_answers(
    beside: OpenProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Resolver = socket.getaddrinfo  # type: ignore[assignment]

    def two(host: object, port: object, *args: object, **kwargs: object) -> list[object]:
        found = real(host, port, *args, **kwargs)
        dead = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        return [dead, *found]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with beside(filled(3), connect_timeout_s=5.0) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R228", "R229")
def test_run_leaves_no_thread_and_no_growing_memory(beside: OpenProduct) -> None:
    with beside(filled(40)) as product:
        product.run_fine()
        threads = threading.active_count()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(30):
            product.run_fine()
        product.honest.quirks = [hang_up("UID SEARCH")]
        for _ in range(10):
            product.run()
        assert product.honest.wait_until_closed()
        assert threading.active_count() <= threads + 2
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
