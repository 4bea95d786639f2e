"""The private names of the packages below us: each test says what an upgrade has taken away."""

from __future__ import annotations

import asyncio
import gzip
import ssl

import aiohttp
import anthropic
import httpx2
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.transport.aiohttp_internals import (
    between_messages,
    closing_of,
    fail_reader,
    head_refused,
    header_limits,
    idle_connections,
    parses,
    protocol_of,
    reading_paused,
    use_protocol,
)
from resilient_claude.transport.connector import Connector
from resilient_claude.transport.httpx2_internals import close_idle, decoder_for
from resilient_claude.transport.sdk import connector_of, make_client, transport_of


async def test_aiohttp_connector_conns(simulated_claude: SimulatedClaude) -> None:
    """`BaseConnector._conns`, seen in aiohttp 3.13 to 3.14."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{simulated_claude.base_url}/v1/models") as response:
            await response.read()
        connections = [*idle_connections(session.connector)]

        assert [type(connection) for connection in connections] == [ResponseHandler], (
            "aiohttp keeps its idle connections elsewhere than in BaseConnector._conns: a failed "
            "transport would leave its dead siblings in the pool of an application's client"
        )
        connections[0].close()


async def test_aiohttp_connection_protocol_and_closed(simulated_claude: SimulatedClaude) -> None:
    """`ClientResponse.connection.protocol` and `ResponseHandler.closed`."""
    simulated_claude.script(Answer("Hi.", first_token_s=5))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simulated_claude.base_url}/v1/messages", json=BODY, headers=HEADERS) as r,
    ):
        assert hasattr(getattr(r, "connection", None), "protocol"), (
            "aiohttp has no ClientResponse.connection.protocol any more: the operating system's "
            "error would be missing from causes of a body that stops short"
        )
        protocol = protocol_of(r)
        assert hasattr(protocol, "closed"), (
            "aiohttp has no ResponseHandler.closed any more: a reader would wait for a connection "
            "that aiohttp closed over a bad chunk"
        )
        assert protocol is not None
        assert closing_of(protocol) is not None


async def test_aiohttp_stream_reader_set_exception(simulated_claude: SimulatedClaude) -> None:
    """`StreamReader.set_exception`."""
    simulated_claude.script(Answer("Hi.", first_token_s=5))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simulated_claude.base_url}/v1/messages", json=BODY, headers=HEADERS) as r,
    ):
        await r.content.readany()
        assert hasattr(r.content, "set_exception"), (
            "aiohttp has no StreamReader.set_exception any more: whoever reads a body would wait "
            "for ever when aiohttp closes the connection over a chunk that breaks the rules"
        )
        fail_reader(r, aiohttp.ClientPayloadError("gone"))

        with pytest.raises(aiohttp.ClientPayloadError, match="gone"):
            await r.content.readany()


class Ours(ResponseHandler):
    """A connection that is told from aiohttp's own."""


async def test_aiohttp_connector_factory(simulated_claude: SimulatedClaude) -> None:
    """`BaseConnector._factory`."""
    connector = aiohttp.TCPConnector()
    use_protocol(connector, Ours)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"{simulated_claude.base_url}/v1/models") as response:
            await response.read()
        (connection,) = idle_connections(connector)

        assert isinstance(connection, Ours), (
            "aiohttp makes its connections elsewhere than in BaseConnector._factory: bytes that "
            "nobody asked for would be the answer to the next question"
        )
        connection.close()


async def test_aiohttp_connector_release(simulated_claude: SimulatedClaude) -> None:
    """`BaseConnector._release`."""
    connector = Connector(ssl.create_default_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"{simulated_claude.base_url}/v1/models") as response:
            await response.read()
        (connection,) = idle_connections(connector)

        assert getattr(connection, "idle", False), (
            "aiohttp gives connections back elsewhere than in BaseConnector._release: bytes on an "
            "idle one would be the answer to the next question"
        )
        connection.close()
    await connector.resolver.close()


async def test_aiohttp_protocol_parser(simulated_claude: SimulatedClaude) -> None:
    """`ResponseHandler._parser`, its `feed_data`, and `_reading_paused`."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{simulated_claude.base_url}/v1/models") as response:
            await response.read()
        (protocol,) = idle_connections(session.connector)

        assert parses(protocol)
        assert not reading_paused(protocol)
        assert between_messages(protocol), (
            "aiohttp's parser tells of its messages in another way: no connection is used again"
        )
        protocol.data_received(b"HTTP/1.1 200")
        assert not between_messages(protocol)
        protocol.close()


async def test_aiohttp_protocol_set_exception() -> None:
    """What waits for a response is told what is wrong with its head."""
    protocol = ResponseHandler(asyncio.get_running_loop())
    head_refused(protocol, "too long")

    with pytest.raises(HttpProcessingError, match="too long"):
        await protocol.read()


def test_aiohttp_session_limits() -> None:
    """`ClientSession(max_line_size, max_field_size)`, and `max_headers` since 3.14."""
    limits = header_limits(5)

    assert {"max_line_size", "max_field_size"} <= {*limits}
    assert {*limits.values()} == {5}


def test_httpx2_decoders() -> None:
    """`SUPPORTED_DECODERS`, whose pieces are bounded."""
    decoder = decoder_for("gzip")
    assert decoder is not None

    pieces = [len(piece) for piece in decoder.decode(gzip.compress(bytes(2**23)))]

    assert sum(pieces) == 2**23
    assert max(pieces) <= 2**20, "httpx2 unpacks all at once: two kilobytes could take gigabytes"
    assert decoder_for("identity") is decoder_for("nonsense") is None


async def test_httpx2_transport_pool(simulated_claude: SimulatedClaude) -> None:
    """`AsyncHTTPTransport._pool`, and its `connections`."""
    transport = httpx2.AsyncHTTPTransport()
    async with httpx2.AsyncClient(transport=transport) as client:
        await client.get(f"{simulated_claude.base_url}/v1/models")
        assert simulated_claude.open_connections == 1

        await close_idle(transport)

        for _ in range(100):
            if not simulated_claude.open_connections:
                return
        pytest.fail(
            "httpx2 keeps its connections elsewhere than in AsyncHTTPTransport._pool: after a "
            "transport failure an application's client would ask again on a dead connection"
        )


async def test_sdk_client_transport() -> None:
    """`AsyncAPIClient._client` and `httpx2.AsyncClient._transport`."""
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200))
    client = make_client(transport, api_key="k", base_url=None)

    assert transport_of(client) is transport, (
        "the SDK has no _client any more, or httpx2's client no _transport: connections of an "
        "application's client cannot be retired"
    )
    await client.close()


async def test_sdk_aiohttp_transport_client(simulated_claude: SimulatedClaude) -> None:
    """`client`, the session below the SDK's own aiohttp transport, once it has sent something."""
    async with anthropic.DefaultAioHttpClient() as http_client:
        await http_client.get(f"{simulated_claude.base_url}/v1/models")
        connector = connector_of(http_client._transport)

    assert isinstance(connector, aiohttp.BaseConnector), (
        "the SDK's aiohttp transport keeps its session elsewhere than in `client`: after a "
        "transport failure its dead connections would be asked again"
    )


HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
BODY = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 8,
    "stream": True,
    "messages": [{"role": "user", "content": "Hi"}],
}
