"""aiohttp's private names, each with what it is needed for.

No other module uses one, but that `connector.Connector` overrides a private method, `_release`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError


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


def use_protocol(connector: aiohttp.BaseConnector, protocol: type[ResponseHandler]) -> None:
    """Let each connection that *connector* opens be one of *protocol*.

    Source: aiohttp/connector.py, `BaseConnector._factory`.
    """
    connector._factory = partial(protocol, asyncio.get_running_loop())


def parses(protocol: ResponseHandler) -> bool:
    """Whether what *protocol* receives goes to its parser of HTTP: a request was made.

    Source: aiohttp/client_proto.py, `ResponseHandler.data_received`.
    """
    return protocol._parser is not None and not protocol.upgraded


def reading_paused(protocol: ResponseHandler) -> bool:
    """Whether who reads the body has enough for now.

    Source: aiohttp/base_protocol.py, `BaseProtocol.pause_reading`.
    """
    return protocol._reading_paused


def between_messages(protocol: ResponseHandler) -> bool:
    """Whether the parser of *protocol*, which is not used again, stands at the end of a response.

    The parser does not tell, so it is fed a response: it finds that one and nothing else.
    Source: aiohttp/client_proto.py, whose `set_response_params` makes a new parser per request.
    """
    parser = protocol._parser
    if parser is None:
        return True
    try:
        messages, _, _ = parser.feed_data(_PROBE)
    except HttpProcessingError:
        return False
    return [(message.code, len(message.headers)) for message, _ in messages] == [(_PROBE_STATUS, 1)]


_PROBE_STATUS = 299
_PROBE = b"HTTP/1.1 %d -\r\ncontent-length: 0\r\n\r\n" % _PROBE_STATUS


def head_refused(protocol: ResponseHandler, rule: str) -> None:
    """Fail what waits for the response of *protocol*, whose head breaks *rule*, and close it.

    Source: aiohttp/client_proto.py, `data_received`, which does so when its parser raises.
    """
    if protocol.transport is not None:
        protocol.transport.close()
    refusal = HttpProcessingError(code=400, message=rule)
    refusal.broken_rule = rule  # type: ignore[attr-defined]  # its message quotes no bytes
    protocol.set_exception(refusal)


def header_limits(limit: int) -> dict[str, int]:
    """The arguments of a `ClientSession` that let headers through which add up to *limit* bytes.

    Source: aiohttp/client.py, where `max_headers` came with 3.14; before, there is no such bound.
    """
    known = inspect.signature(aiohttp.ClientSession.__init__).parameters
    names = ("max_line_size", "max_field_size", "max_headers")
    return {name: limit for name in names if name in known}
