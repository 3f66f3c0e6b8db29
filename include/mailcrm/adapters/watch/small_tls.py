"""TLS on a connected transport with small buffers, for many connections that say little.

asyncio gives every TLS connection a read buffer of 256 KiB, touched at once: a thousand idle
connections take 250 MB. One record, 16 KiB (RFC 8446 §5.1), is enough here.
"""

import asyncio
import ssl
from asyncio import sslproto
from typing import Any, Final

__all__ = ["start_small_tls"]

_RECORD_BYTES: Final = 16 * 1024


class _SmallSslProtocol(sslproto.SSLProtocol):
    max_size = _RECORD_BYTES


async def start_small_tls(
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    host: str,
    handshake_timeout_s: int,
    shutdown_timeout_s: int,
) -> asyncio.Transport:
    """As `loop.start_tls`, with a buffer of one record.

    Raises:
        OSError, ValueError: the handshake failed; the transport is closed.
    Source: CPython, asyncio/base_events.py, start_tls.
    """
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    protected: Any = _SmallSslProtocol(
        loop,
        protocol,
        context,
        waiter,
        server_side=False,
        server_hostname=host,
        call_connection_made=False,
        ssl_handshake_timeout=handshake_timeout_s,
        ssl_shutdown_timeout=shutdown_timeout_s,
    )
    transport.pause_reading()  # until the protocol knows its transport
    transport.set_protocol(protected)
    made = loop.call_soon(protected.connection_made, transport)
    resumed = loop.call_soon(transport.resume_reading)
    try:
        await waiter
    except BaseException:
        transport.close()
        made.cancel()
        resumed.cancel()
        raise
    app_transport: asyncio.Transport = protected._app_transport
    return app_transport
