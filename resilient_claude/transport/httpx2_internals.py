"""httpx2's private names, each with what it is needed for. No other module uses one."""

from __future__ import annotations


async def close_idle(transport: object) -> None:
    """Close the connections that httpx2's own *transport* keeps for later; of others, none.

    Source: httpx2/_transports/default.py, `AsyncHTTPTransport._pool`, and httpcore2, whose pool
    closes connections in use as well.
    """
    pool = getattr(transport, "_pool", None)
    for connection in list(getattr(pool, "connections", ())):
        if connection.is_idle():
            await connection.aclose()
