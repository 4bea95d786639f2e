"""One attempt: send the request, decode the events of the response, watch the phase clocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any, Self, cast

import anthropic
import httpx2

from .connection import BODY, AiohttpTransport, Progress, current_progress
from .failures import ClockExpired, FailureKind, Origin, Phase, StreamFault
from .redaction import identifier
from .request import Request
from .retry import Timeouts
from .sse import Event, EventDecoder
from .translate import Activity

DRAIN_S = 0.05
"""How long the end of the body is awaited after `message_stop`, in seconds.

The last bytes usually come with the same packet; without reading them the connection cannot be
used again. Source: aiohttp and httpcore2, which close a connection whose body was not read whole.
"""


class Clocks(Progress):
    """Watches one attempt as an async context manager: ends it when a clock runs out.

    Progress costs one assignment: the timer that is set looks at the deadline only when it fires.

    Args:
        timeouts: the phase clocks.
        response_s: the escalated clock of this attempt for its first byte, seconds.
        silence_deadline: end of the silence budget on the event loop's clock.
        max_silence_s: the budget, seconds, to name it when it ran out.
        attempt_s: upper bound for the wait for content, seconds; None for no bound of its own.
        observed: whether the transport reports the phases of the connection; if it does not, one
            clock covers everything up to the response.

    Raises:
        ClockExpired: on leaving, when a clock ran out inside.
    """

    def __init__(
        self,
        timeouts: Timeouts,
        *,
        response_s: float,
        silence_deadline: float,
        max_silence_s: float,
        attempt_s: float | None,
        observed: bool,
    ) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.connect_s = timeouts.connect_s
        self._timeouts = timeouts
        self._response_s = response_s
        self._observed = observed
        self._started = self._loop.time()
        self._caps = [(silence_deadline, "max_silence_s", max_silence_s)]
        if attempt_s is not None:
            self._caps.append((self._started + attempt_s, "attempt_s", attempt_s))
        self._scope = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._running = self._aborted = self._expired = False
        self._deadline = self._limit_s = 0.0
        self._clock = ""

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        self._running = True
        if self._observed:
            self._wait(self._started, self._timeouts.connect_s, "connect_s")
        else:
            self._wait(self._started, self._response_s, "response_s")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._scope.__aexit__(exc_type, exc, traceback)
        except TimeoutError:
            if self._aborted:
                raise StreamFault(
                    FailureKind.CANCELLED,
                    "the adapter was closed",
                    retryable=False,
                    origin=Origin.LOCAL,
                ) from None
            raise ClockExpired(self._clock, self._limit_s) from None

    def enter(self, phase: Phase) -> None:
        """The connection has come as far as *phase*; its clock starts."""
        super().enter(phase)
        if phase is Phase.SEND:
            self._wait(self._loop.time(), self._response_s, "response_s")
        elif phase is Phase.FIRST_TOKEN:
            self._wait(self._started, self._timeouts.first_token_s, "first_token_s")

    def progressed(self, activity: Activity) -> None:
        """The response got further: the clock of what it is doing now starts anew."""
        if activity is Activity.WAITING:
            return  # for the first word, the clock that runs goes on
        self.phase = Phase.STREAMING
        now = self._loop.time()
        if activity is Activity.SPEAKING:
            self._watch(now + self._timeouts.stall_s, "stall_s", self._timeouts.stall_s)
        else:
            self._watch(now + self._timeouts.thinking_s, "thinking_s", self._timeouts.thinking_s)

    def stop(self) -> None:
        """The answer is whole: no clock may end it any more."""
        self._deadline = float("inf")
        if self._expired:
            self._revive()

    def abort(self) -> None:
        """End the attempt now, with a failure that is not retried."""
        if self._running and not self._scope.expired():
            self._aborted = True
            self._scope.reschedule(self._loop.time())

    def _wait(self, since: float, seconds: float, clock: str) -> None:
        """Watch a phase without progress, which the silence budget bounds too."""
        self._watch(*min([(since + seconds, clock, seconds), *self._caps]))

    def _watch(self, deadline: float, clock: str, limit_s: float) -> None:
        self._deadline, self._clock, self._limit_s = deadline, clock, limit_s
        if self._expired:  # while this was on its way
            self._revive()
        if self._timer is None or deadline < self._timer.when():
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._deadline == float("inf"):
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
            return
        if self.phase is Phase.CONNECT and self.tcp_connected():
            self.phase = Phase.TLS
        # What has arrived in this turn of the loop is handled first: it may be progress.
        self._loop.call_soon(self._expire)

    def _expire(self) -> None:
        if not self._running or self._scope.expired() or self._deadline == float("inf"):
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._expired = True
            self._scope.reschedule(self._loop.time())

    def _revive(self) -> None:
        if not self._aborted and not self._scope.expired():
            self._expired = False
            self._scope.reschedule(None)


class Exchange:
    """One request and its response, opened by `open_exchange`.

    Attributes:
        request_id: the response's `request-id` header.
        content_type: what the response says it is, such as `text/event-stream`.
    """

    def __init__(
        self, response: httpx2.Response, read: Callable[[], Awaitable[list[Event] | None]]
    ) -> None:
        self.request_id = identifier(response.headers.get("request-id"))
        self.content_type = _content_type(response)
        self.read = read
        """The events of the next read, possibly none; None at the end of the body."""

    async def drain(self) -> None:
        """Read the body to its end, if that comes at once, so that the connection can be kept."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while await self.read() is not None:
                    pass
        except Exception:  # noqa: BLE001 - the answer is whole; its connection may do what it likes
            return


async def open_exchange(
    client: anthropic.AsyncAnthropic, request: Request, clocks: Clocks, stack: AsyncExitStack
) -> Exchange:
    """Send *request* and return once the response's headers are there.

    Args:
        client: the SDK's client; its own retries are switched off for this request.
        request: what to send.
        clocks: watches the attempt; told how far it has come.
        stack: closes the response.

    Raises:
        anthropic.APIStatusError: the response has an error status.
        anthropic.APIConnectionError: there is no response.
        StreamFault: the response is not an event stream.
    """
    token = current_progress.set(clocks)
    try:
        stream = await client.post(
            "/v1/messages",
            cast_to=object,
            stream=True,
            stream_cls=anthropic.AsyncStream[object],
            **_body(client, request),
            options=cast(Any, _options(request, connect_s=clocks.connect_s)),
        )
    finally:
        current_progress.reset(token)
    stack.push_async_callback(stream.close)
    clocks.enter(Phase.FIRST_TOKEN)
    return Exchange(stream.response, await _reader(stream, stack))


async def fresh_connections(client: anthropic.AsyncAnthropic) -> None:
    """After a transport failure: no later request uses a connection that was open before.

    A client that the application made keeps its own pool; of httpx2's own transport the idle
    connections are closed, as far as its pool can be reached.
    """
    transport = _transport_of(client)
    if isinstance(transport, AiohttpTransport):
        await transport.retire_connections()
        return
    connector = getattr(getattr(transport, "client", None), "connector", None)
    for idle in getattr(connector, "_conns", {}).values():  # the SDK's own aiohttp transport
        while idle:
            idle.pop()[0].close()
    pool = getattr(transport, "_pool", None)  # private to httpx2; absent: nothing to close
    for connection in list(getattr(pool, "connections", ())):
        if connection.is_idle():
            await connection.aclose()


def is_observed(client: anthropic.AsyncAnthropic) -> bool:
    """Whether the client's transport is ours, which reports the phases of a connection."""
    return isinstance(_transport_of(client), AiohttpTransport)


def _transport_of(client: anthropic.AsyncAnthropic) -> object:
    return getattr(client._client, "_transport", None)


def _body(client: anthropic.AsyncAnthropic, request: Request) -> dict[str, Any]:
    """The request's body: ready-made bytes, or a dict for the clients that rewrite it.

    Bedrock, Vertex and the other platforms move the model into the URL, so they need the dict.
    """
    if type(client) is anthropic.AsyncAnthropic:
        return {"content": request.content()}
    return {"body": request.body}


def _options(request: Request, *, connect_s: float) -> dict[str, Any]:
    # `identity`: a compressed stream arrives in larger, later pieces and costs CPU to unpack.
    return {
        "headers": {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **request.headers,
        },
        "params": dict(request.query),
        "max_retries": 0,
        # For clients with a transport of their own; ours has no timeouts, the clocks watch it.
        "timeout": httpx2.Timeout(None, connect=connect_s),
    }


async def _reader(
    stream: anthropic.AsyncStream[object], stack: AsyncExitStack
) -> Callable[[], Awaitable[list[Event] | None]]:
    """What reads the events of *stream*, each time all that have come."""
    response = stream.response
    body = response.extensions.get(BODY)
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    if body is None or encoded or _content_type(response) != "text/event-stream":
        batches = await stack.enter_async_context(aclosing(_batches(stream)))
        return lambda: anext(batches, None)

    decoder = EventDecoder()
    ended = False

    async def read() -> list[Event] | None:
        nonlocal ended
        if ended:
            return None
        data = await body.read()
        if data:
            return decoder.feed(data)
        ended = True
        return decoder.finish() or None

    return read


async def _batches(stream: anthropic.AsyncStream[object]) -> AsyncGenerator[list[Event], None]:
    """The events of any response, through httpx2 or, where it knows better, the SDK."""
    response = stream.response
    kind = _content_type(response)
    if kind == "application/vnd.amazon.eventstream":
        async for event in stream:  # Bedrock's binary framing, which the SDK decodes
            yield [cast(Event, event)]
        return
    if kind not in ("text/event-stream", ""):
        raise StreamFault(
            FailureKind.MALFORMED,
            f"HTTP {response.status_code} with content type {kind[:100]}, not an event stream",
            retryable=True,
        )
    decoder = EventDecoder()
    async with aclosing(response.aiter_bytes()) as source:
        async for data in source:
            yield decoder.feed(data)
    if last := decoder.finish():
        yield last


def _content_type(response: httpx2.Response) -> str:
    content_type: str = response.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower()
