# SPDX-License-Identifier: Apache-2.0
"""Ends connections that take too long, once a second: cheaper than a timer for each, and soon enough."""

import asyncio

from aigw_kit.protocol import EdgeProtocol

WRITE_TIMEOUT = 60.0
"""Seconds for which a client may leave what it was sent untaken, before its answer is given up."""


def sweep(now: float) -> None:
    """Close connections on which nothing has come for long, whose request is too slow, whose answer nobody takes."""
    for protocol in list(EdgeProtocol.live):
        if protocol.stuck_since is not None and now - protocol.stuck_since >= WRITE_TIMEOUT:
            protocol.transport.abort()
            continue
        since = protocol.reading_since
        if since is not None and now - since >= EdgeProtocol.read_timeout:
            _too_slow(protocol)
        elif since is None and protocol.is_idle and now - protocol.idle_since >= protocol.timeout_keep_alive:
            protocol.transport.close()


def _too_slow(protocol: EdgeProtocol) -> None:
    if protocol.cycle is None or (protocol.cycle.response_complete and not protocol.cycle.more_body):
        protocol.refuse(408, "request_timeout", "The request took too long to arrive")
    elif protocol.cycle.response_complete:
        protocol.transport.close()  # it was answered without its body, and is still sending
    # else it is being served: the endpoint reads the body, under a timeout of its own


async def sweeping() -> None:
    """Sweep once a second, for as long as the service runs."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1.0)
        sweep(loop.time())
