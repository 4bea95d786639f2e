"""aiohttp's private names, each with what it is needed for. No other module uses one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
from aiohttp.client_proto import ResponseHandler


def idle_connections(connector: object) -> Iterator[ResponseHandler]:
    """The connections that *connector* keeps for later, each taken away from it.

    `close()` of the connector ends connections in use as well; of one that is none of aiohttp's,
    there are none. Source: aiohttp/connector.py, `BaseConnector._conns`.
    """
    idle = getattr(connector, "_conns", {})
    while idle:  # an empty entry would be one that `__del__` complains of
        _, connections = idle.popitem()
        for connection, *_ in connections:
            yield connection


def protocol_of(response: aiohttp.ClientResponse) -> ResponseHandler | None:
    """What reads the connection of *response*; None once it was given back.

    Source: aiohttp/client_reqrep.py, `ClientResponse.connection`, and connector.py,
    `Connection.protocol`.
    """
    connection = response.connection
    return None if connection is None else connection.protocol


def fail_reader(response: aiohttp.ClientResponse, exc: BaseException) -> None:
    """Wake who reads the body of *response* with *exc*, unless the body has ended or failed.

    Source: aiohttp/streams.py, `StreamReader.set_exception`.
    """
    content = response.content
    if not content.is_eof() and content.exception() is None:
        content.set_exception(exc)


def closing_of(protocol: ResponseHandler) -> asyncio.Future[None] | None:
    """Done when the connection of *protocol* is closed; None if it is closed already.

    Source: aiohttp/client_proto.py, `ResponseHandler.closed`.
    """
    return protocol.closed
