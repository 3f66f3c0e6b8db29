"""Many watched mailboxes in one process: memory, CPU when nothing happens, and latency.

The mail server is a process of its own, and speaks TLS as providers do. Run by `make
bench-airflow`, and by a test for its bound of memory.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import multiprocessing
import os
import random
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests")]

import trustme  # noqa: E402

from fakes.watch_world import Memory, StoredCredentials  # noqa: E402
from mailcrm.adapters.crm_database.engine import make_engine  # noqa: E402
from mailcrm.adapters.crm_database.migrate import upgrade  # noqa: E402
from mailcrm.adapters.crm_database.registry import RegistryTables  # noqa: E402
from mailcrm.records import Credential, Encryption, Mailbox, TlsPolicy  # noqa: E402
from mailcrm.services.watch_wiring import WatchRuntime  # noqa: E402
from mailcrm.settings import Settings  # noqa: E402
from servers.idle_imap import IdleImap  # noqa: E402
from servers.mailboxes import make_mailbox  # noqa: E402

PASSWORD = "of-a-benchmark"  # noqa: S105 - on loopback, of nothing
LATENCY_TIMEOUT_S = 60.0


def serve(port_out: Any, certificate: str, key: str) -> None:
    """The mail server's process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def run() -> None:
        server, port = await IdleImap(PASSWORD).listen(context)
        port_out.put(port)
        async with server:
            await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def mail_server(folder: Path) -> Iterator[tuple[int, str]]:
    """Port and CA file of a server in a process of its own."""
    ca = trustme.CA()
    leaf = ca.issue_cert("127.0.0.1", "localhost")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    leaf.private_key_and_cert_chain_pem.write_to_path(folder / "leaf.pem")
    leaf_file = str(folder / "leaf.pem")
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    child = context.Process(target=serve, args=(ports, leaf_file, leaf_file), daemon=True)
    child.start()
    try:
        yield ports.get(timeout=60), str(folder / "ca.pem")
    finally:
        child.terminate()
        child.join()


def fill_registry(settings: Settings, count: int, port: int, ca_file: str) -> list[Mailbox]:
    """That many mailboxes of one server."""
    engine = make_engine(settings.database())
    upgrade(engine)
    registry, now = RegistryTables(engine), dt.datetime.now(dt.UTC)
    one = make_mailbox(
        imap_port=port, imap_encryption=Encryption.TLS, tls=TlsPolicy(ca_file=ca_file)
    )
    mailboxes = [dataclasses.replace(one, id=f"m{number}") for number in range(count)]
    for mailbox in mailboxes:
        registry.write_mailbox(mailbox, now)
    engine.dispose()
    return mailboxes


def memory_mb() -> float:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


@dataclasses.dataclass
class Measured:
    """What the watchers told, and when."""

    told: dict[str, float] = dataclasses.field(default_factory=dict)
    total: int = 0

    def forget(self) -> None:
        """Begin anew."""
        self.told.clear()


async def watch(runtime: WatchRuntime, mailbox_id: str, measured: Measured) -> None:
    """One mailbox, for ever."""
    credentials = StoredCredentials(Credential(mailbox_id, PASSWORD))
    watcher = runtime.watcher(mailbox_id, credentials, Memory())
    async for event in watcher.events():
        measured.told[event.mailbox_id] = time.perf_counter()
        measured.total += 1


async def until_told(measured: Measured, count: int) -> None:
    """Wait until so many mailboxes have told of mail."""
    async with asyncio.timeout(600):
        while len(measured.told) < count:
            await asyncio.sleep(0.05)


async def measure_latency(
    measured: Measured, port: int, ca_file: str, ids: list[str]
) -> list[float]:
    """Seconds from a message's arrival on the server to the event, for some mailboxes."""
    context = ssl.create_default_context(cafile=ca_file)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    await reader.readline()
    latencies = []
    for mailbox_id in ids:
        measured.forget()
        began = time.perf_counter()
        writer.write(f"x DELIVER {mailbox_id}\r\n".encode())
        await reader.readline()
        await until_told(measured, 1)
        assert list(measured.told) == [mailbox_id]
        latencies.append(measured.told[mailbox_id] - began)
    writer.close()
    return latencies


async def measure(
    folder: Path, count: int, idle_s: float, port: int, ca_file: str
) -> dict[str, Any]:
    """Watch them all, wait, and deliver to some."""
    settings = Settings(home=folder, watch_gap_s=0.01)
    mailboxes = fill_registry(settings, count, port, ca_file)
    runtime, measured = WatchRuntime(settings), Measured()
    before_mb, began, cpu = memory_mb(), time.perf_counter(), time.process_time()
    tasks = [asyncio.create_task(watch(runtime, one.id, measured)) for one in mailboxes]
    await until_told(measured, count)
    connected_s, connect_cpu_s = time.perf_counter() - began, time.process_time() - cpu
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.sleep(idle_s)
    idle_cpu = (time.process_time() - cpu) / (time.perf_counter() - began)
    after_mb = memory_mb()
    some = random.Random(7).sample([one.id for one in mailboxes], min(50, count))
    latencies = await measure_latency(measured, port, ca_file, some)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    runtime.close()
    return {
        "mailboxes": count,
        "connected_s": round(connected_s, 1),
        "connect_cpu_s": round(connect_cpu_s, 1),
        "rss_mb_before": round(before_mb, 1),
        "rss_mb": round(after_mb, 1),
        "kb_per_mailbox": round((after_mb - before_mb) * 1024 / count, 1),
        "idle_s": idle_s,
        "idle_cpu_percent": round(100 * idle_cpu, 2),
        "latency_ms_median": round(1000 * statistics.median(latencies), 1),
        "latency_ms_max": round(1000 * max(latencies), 1),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=1000)
    parser.add_argument("--idle-s", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, mail_server(Path(name)) as (port, ca_file):
        work = measure(Path(name), options.mailboxes, options.idle_s, port, ca_file)
        print(json.dumps(asyncio.run(work), indent=1))


if __name__ == "__main__":
    main()
