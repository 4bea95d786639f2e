"""httpx2's private names, each with what it is needed for. No other module uses one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from httpx2._decoders import SUPPORTED_DECODERS


def transport_below(http_client: object) -> object:
    """What *http_client*, one of httpx2's, sends its requests over; None where it does not tell.

    Source: httpx2/_client.py, `AsyncClient._transport`, to which there is no public way.
    """
    return getattr(http_client, "_transport", None)


async def close_idle(transport: object) -> None:
    """Close the connections that httpx2's own *transport* keeps for later; of others, none.

    Source: httpx2/_transports/default.py, `AsyncHTTPTransport._pool`, and httpcore2, whose pool
    closes connections in use as well.
    """
    pool = getattr(transport, "_pool", None)
    for connection in list(getattr(pool, "connections", ())):
        if connection.is_idle():
            await connection.aclose()


class Decoder(Protocol):
    """Unpacks in pieces: each is made when it is asked for, and has a megabyte at most."""

    def decode(self, data: bytes) -> Iterable[bytes]:
        """The pieces that *data* makes."""


def decoder_for(encoding: str) -> Decoder | None:
    """A decoder for *encoding*, in lower case; None if there is none here.

    Source: httpx2/_decoders.py, `SUPPORTED_DECODERS`, whose pieces are bounded; httpx2's own
    responses put them all together.
    """
    make = SUPPORTED_DECODERS.get(encoding)
    return None if make is None or encoding == "identity" else make()
