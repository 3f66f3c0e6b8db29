"""A long, narrow line before a server: round-trip time and bandwidth, as a relay on loopback.

Bytes are delayed, not throttled per piece: what is under way at once is limited by nothing but
the bandwidth, as on a real line. Runs as a process of its own: `python link.py PORT RTT_MS MBIT`
prints the port that it listens on.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

_PIECE = 64 * 1024
_MOST_UNDER_WAY = 256


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float, bytes_per_s: float
) -> None:
    """One direction: each piece leaves when the line is free, and arrives `delay_s` later."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_UNDER_WAY)

    async def take() -> None:
        free_at = 0.0
        while data := await reader.read(_PIECE):
            free_at = max(free_at, loop.time()) + len(data) / bytes_per_s
            await queue.put((free_at + delay_s, data))
        await queue.put((0.0, b""))

    async def give() -> None:
        while True:
            due, data = await queue.get()
            if not data:
                writer.close()
                return
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(data)
            await writer.drain()

    with contextlib.suppress(OSError):
        await asyncio.gather(take(), give())


async def _serve(target: int, rtt_s: float, bytes_per_s: float) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(
            _carry(reader, far_writer, rtt_s / 2, bytes_per_s),
            _carry(far_reader, writer, rtt_s / 2, bytes_per_s),
        )

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=4 * _PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def run_link(target: int, rtt_ms: float, mbit: float) -> Iterator[int]:
    """The port of a line to `target`, until the block ends."""
    command = [sys.executable, __file__, str(target), str(rtt_ms), str(mbit)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        port, rtt, rate = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
        asyncio.run(_serve(port, rtt / 1000, rate * 125_000))
