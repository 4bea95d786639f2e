"""Whose sockets a client's requests go over: ours, or those of the application's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anthropic

from .pool import AiohttpTransport

if TYPE_CHECKING:
    from .target import AnyClient


def is_observed(client: AnyClient) -> bool:
    """Whether the client's transport is ours, which reports the phases of a connection."""
    return isinstance(_transport_of(client), AiohttpTransport)


async def fresh_connections(client: AnyClient) -> None:
    """After a transport failure: no later request uses a connection that was open before.

    A client that the application made keeps its own pool; its idle connections are closed, as far
    as they can be reached: those of httpx2's own transport and of the SDK's aiohttp one.
    """
    transport = _transport_of(client)
    if isinstance(transport, AiohttpTransport):
        await transport.retire_connections()
        return
    connector = getattr(getattr(transport, "client", None), "connector", None)
    # Private to aiohttp, whose `close()` would end connections in use; absent: nothing to close.
    for idle in getattr(connector, "_conns", {}).values():
        while idle:
            idle.pop()[0].close()
    pool = getattr(transport, "_pool", None)  # private to httpx2; absent: nothing to close
    for connection in list(getattr(pool, "connections", ())):
        if connection.is_idle():
            await connection.aclose()


def own_transport(client: AnyClient) -> AiohttpTransport | None:
    """Our transport, of a client that does nothing to a body but put something around it."""
    transport = _transport_of(client)
    if isinstance(transport, AiohttpTransport) and type(client) is anthropic.AsyncAnthropic:
        return transport
    return None


def _transport_of(client: AnyClient) -> object:
    # Private to the SDK and to httpx2, which have no public way to it; absent: not ours.
    return getattr(getattr(client, "_client", None), "_transport", None)
