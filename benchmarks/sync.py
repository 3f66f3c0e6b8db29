"""How fast a mailbox is synced, beside what others need to copy it; run by `make bench`.

Fills a Dovecot on loopback, runs `mailcrm run` on it into SQLite and PostgreSQL, and prints
seconds by stage, messages a second, bytes and memory, beside mbsync, offlineimap, a loop over
imapclient, and the server's own limit. See README.md here.
"""

import argparse
import contextlib
import datetime as dt
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import report
from filling import END, Shape, fill_mailbox, write_contacts
from link import run_link
from measuring import BenchError, Measure, Product, run_program
from peers import read_all, run_imapclient, run_mbsync, run_offlineimap
from postgres import DurablePostgres, run_durable_postgres
from results import OF_RECORD, Results, previous

from servers.dovecot import DovecotServer, DovecotUser, run_dovecot

CASES = ("mixed", "attachments", "link", "idle", "widen")
EXTRA_CASES = ("scale",)
ONCE = 1
SINCE_ALL = (END - dt.timedelta(days=6 * 366)).date().isoformat()
RTT_MS, MBIT = 50, 100


@dataclass(slots=True)
class Bench:
    """The servers and the results of one run."""

    results: Results
    repeats: int
    server: DovecotServer
    databases: DurablePostgres | None
    folder: Path
    number: int = 0

    def measure(
        self, case: str, what: str, take: Callable[[Path], Measure | None], repeats: int = 0
    ) -> None:
        """Measure as often as is still missing; each time in a folder of its own."""
        while len(self.results.taken(case, what)) < (repeats or self.repeats):
            folder = self.new_folder()
            try:
                found = take(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            if found is None:
                print(f"  {what}: not installed")
                return
            self.results.add(case, what, found)
            print(
                f"  {what:28}{found.wall_s:8.2f} s {found.cpu_s:8.2f} s CPU {found.peak_mb:7.0f} MB"
            )

    def is_done(self, case: str, what: str) -> bool:
        """Whether all is measured already."""
        return len(self.results.taken(case, what)) >= self.repeats

    def new_folder(self) -> Path:
        """A folder that nobody used before."""
        self.number += 1
        folder = self.folder / f"{self.number}"
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def mailbox(self, case: str, shape: Shape) -> Iterator[tuple[DovecotUser, tuple[str, str]]]:
        """A filled mailbox that the server has read once, so that all find it equally warm."""
        user = self.server.new_user()
        count, size = fill_mailbox(user, shape)
        login = (user.name, user.server.password)
        read_all(self.server.imap_port, login, "UID INTERNALDATE RFC822.SIZE")
        self.results.note(case, messages=count, bytes=size)
        print(f"{case}: {count:,} messages, {size / 1e6:,.0f} MB")
        try:
            yield user, login
        finally:
            shutil.rmtree(self.server.folder / "mail" / user.name, ignore_errors=True)

    def product(
        self, folder: Path, login: tuple[str, str], port: int = 0, is_postgres: bool = False
    ) -> Product:
        """The product on a database of its own."""
        contacts = folder / "contacts.csv"
        write_contacts(contacts)
        url = self.databases.create() if is_postgres and self.databases else None
        return Product.connect(folder / "home", login, port or self.server.imap_port, contacts, url)


def bench_mixed(bench: Bench, messages: int) -> None:
    """The real figure: everything, cold, into both databases, beside the peers."""
    port = bench.server.imap_port
    with bench.mailbox("mixed", Shape(messages)) as (_, login):
        bench.measure("mixed", "server", lambda _: read_all(port, login))
        for is_postgres in (False, True) if bench.databases else (False,):

            def run(folder: Path, is_postgres: bool = is_postgres) -> Measure:
                return bench.product(folder, login, 0, is_postgres).run(SINCE_ALL)

            bench.measure("mixed", f"mailcrm {'PostgreSQL' if is_postgres else 'SQLite'}", run)
        bench.measure("mixed", "mbsync", lambda f: run_mbsync(f, port, login, True))
        bench.measure("mixed", "mbsync without fsync", lambda f: run_mbsync(f, port, login, False))
        bench.measure("mixed", "imapclient loop", lambda f: run_imapclient(f, port, login), ONCE)
        bench.measure("mixed", "offlineimap", lambda f: run_offlineimap(f, port, login), ONCE)


def bench_attachments(bench: Bench, messages: int) -> None:
    """Half the messages with an attachment of 1 MB: what has to be received of it."""
    shape = Shape(max(20, messages // 20), attached=0.5, attachment_kb=(1000, 1048), twice=0)
    port = bench.server.imap_port
    if all(bench.is_done("attachments", what) for what in ("mailcrm SQLite", "mbsync")):
        return
    with bench.mailbox("attachments", shape) as (_, login):
        run = lambda f: bench.product(f, login).run(SINCE_ALL)  # noqa: E731
        bench.measure("attachments", "mailcrm SQLite", run)
        bench.measure("attachments", "mbsync", lambda f: run_mbsync(f, port, login, True))


def bench_link(bench: Bench, messages: int) -> None:
    """Behind a long and narrow line."""
    with (
        bench.mailbox("link", Shape(max(20, messages // 8))) as (_, login),
        run_link(bench.server.imap_port, RTT_MS, MBIT) as port,
    ):
        run = lambda f: bench.product(f, login, port).run(SINCE_ALL)  # noqa: E731
        bench.measure("link", "mailcrm SQLite", run)
        bench.measure("link", "mbsync", lambda f: run_mbsync(f, port, login, True))


def bench_idle(bench: Bench, messages: int) -> None:
    """A run that finds nothing new, in a mailbox five times as large."""
    shape = Shape(5 * messages, tiny=True, twice=0, recent=messages // 10)
    since = (END - dt.timedelta(days=31)).date().isoformat()
    if bench.is_done("idle", "mailcrm SQLite"):
        return
    with bench.mailbox("idle", shape) as (_, login):
        product = bench.product(bench.new_folder(), login)
        product.run(since)
        bench.measure("idle", "mailcrm SQLite", lambda _: product.run(since))
        bench.measure("idle", "interpreter", lambda _: run_program([sys.executable, "-Sc", ""])[0])


def bench_widen(bench: Bench, messages: int) -> None:
    """Widening by 30 days in a mailbox of one year and of five; each repeat 30 days further."""
    for years in (1, 5):
        case = f"widen, {years} years" if years > 1 else "widen, 1 year"
        if bench.is_done(case, "mailcrm SQLite"):
            continue
        shape = Shape(years * messages // 2, days=years * 365, tiny=True, twice=0)
        with bench.mailbox(case, shape) as (_, login):
            product = bench.product(bench.new_folder(), login)
            ends = ((END - dt.timedelta(days=30 * n)).date().isoformat() for n in range(1, 12))
            product.run(next(ends))
            run = lambda _, product=product, ends=ends: product.run(next(ends))  # noqa: E731
            bench.measure(case, "mailcrm SQLite", run)


def bench_scale(bench: Bench, messages: int) -> None:
    """Memory and cost per message as the mailbox grows a hundredfold."""
    for count in (messages // 10, messages, messages * 10):
        case = f"scale {count}"
        with bench.mailbox(case, Shape(count, attached=0, twice=0, tiny=True)) as (_, login):
            run = lambda f, login=login: bench.product(f, login).run(SINCE_ALL)  # noqa: E731
            bench.measure(case, "mailcrm SQLite", run, ONCE)


BENCHES: dict[str, Callable[[Bench, int], None]] = {
    "mixed": bench_mixed,
    "attachments": bench_attachments,
    "link": bench_link,
    "idle": bench_idle,
    "widen": bench_widen,
    "scale": bench_scale,
}


def main() -> int:
    options = _read_options()
    results = Results.open(options.messages, options.fresh, options.folder)
    failed: list[str] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailcrm-bench-")))
        server = stack.enter_context(run_dovecot())
        databases = stack.enter_context(run_durable_postgres())
        bench = Bench(results, options.repeats, server, databases, folder)
        for case in options.case.split(","):
            try:
                BENCHES[case](bench, options.messages)
            except BenchError as error:  # the others are worth having all the same
                print(f"{case}: {error}")
                failed.append(case)
    report.print_report(results, previous(results))
    if options.page or (options.messages >= OF_RECORD and options.folder is None):
        report.write_page(results)
        print("written: docs/performance.md")
    return 1 if failed else 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--case", default=",".join(CASES), help=", ".join(CASES + EXTRA_CASES))
    parser.add_argument("--fresh", action="store_true", help="measure again what is stored")
    parser.add_argument("--page", action="store_true", help="write docs/performance.md")
    parser.add_argument("--folder", type=Path, help="keep results here, and write no page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
