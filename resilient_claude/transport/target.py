"""Who is asked: by a client of the SDK, with its key and the sockets it goes over.

Which model, and what it accepts, is a matter of each request (`Request.asked`).
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

import yarl
from livekit.agents.types import NotGivenOr

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import Fault, adapter_closed
from resilient_claude.failures.undisclosed import stand_in
from resilient_claude.request.given import or_default
from resilient_claude.request.request import Request

from .aiohttp_internals import idle_connections
from .exchange import Exchange, open_exchange, rehearse
from .first_request import load_and_sign
from .httpx2_internals import close_idle
from .pool import AiohttpTransport
from .sdk import (
    NO_KEY_YET,
    connector_of,
    is_async_client,
    is_sync_client,
    make_client,
    transport_of,
)

if TYPE_CHECKING:
    import anthropic

    from .sdk import AnyClient

ANTHROPIC = "https://api.anthropic.com"
"""Where requests go unless the application or the environment says otherwise."""

ApiKey = str | Callable[[], str] | Callable[[], Awaitable[str]]


class Target:
    """Who is asked.

    Attributes:
        client: the SDK's, with the key that was last given.
        transport: our sockets below it; None below a client of the application's.
    """

    def __init__(
        self,
        client: AnyClient,
        *,
        transport: AiohttpTransport | None,
        api_key: ApiKey | None,
    ) -> None:
        self.client = client
        self.transport = transport
        self._api_key = api_key
        self._closed = False
        self._host: tuple[object, str] = (None, "")  # by the URL that it was read from

    @classmethod
    def of(
        cls,
        *,
        client: AnyClient | None,
        api_key: NotGivenOr[ApiKey | None],
        base_url: NotGivenOr[str | None],
    ) -> Target:
        """The target that the constructor's arguments name; without a client, one is made.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: an argument has a value that cannot work; its message says what to do.
        """
        if client is not None:
            check_client(client)
            return cls(client, transport=None, api_key=None)
        key = check_api_key(api_key)
        url = check_base_url(base_url) or ANTHROPIC
        transport = AiohttpTransport()
        sdk_key = key if isinstance(key, str) else NO_KEY_YET
        made = make_client(transport, api_key=sdk_key, base_url=url)
        return cls(made, transport=transport, api_key=key)

    @property
    def provider(self) -> str:
        """Host, and port if it is not the default, that requests go to."""
        url = self.client.base_url
        if url is not self._host[0]:  # livekit asks several times a turn, and reading it costs time
            self._host = url, url.netloc.decode("ascii")
        return self._host[1]

    @property
    def https(self) -> bool:
        """Whether requests go over TLS."""
        return self.client.base_url.scheme == "https"

    async def client_for_attempt(self) -> AnyClient:
        """The client for an attempt that begins now, with the current key.

        Raises:
            Fault: the target is closed, the function for the key failed, or it returned no key.
        """
        if self._closed:
            raise adapter_closed()
        if not callable(self._api_key):
            return self.client
        key = await _ask(self._api_key)
        # A client of its own for every key: another turn may be asking for one at the same time.
        if key != getattr(self.client, "api_key", None):
            self.client = cast("anthropic.AsyncAnthropic", self.client).with_options(api_key=key)
        return self.client

    async def open_exchange(
        self,
        client: AnyClient,
        request: Request,
        evidence: Evidence,
        stack: AsyncExitStack,
        *,
        connect_s: float,
    ) -> Exchange:
        """Send *request* by *client*, from `client_for_attempt`; see `exchange.open_exchange`."""
        return await open_exchange(
            client, self.transport, request, evidence, stack, connect_s=connect_s
        )

    async def rehearse(self, client: AnyClient, request: Request) -> None:
        """Do what the SDK does before *request* is sent, so that the first turn need not.

        Raises:
            Exception: whatever is raised where a cloud's client finds no credentials.
        """
        if self.transport is None:
            await load_and_sign(client)
        await rehearse(client, self.transport, request)

    async def retire_connections(self) -> None:
        """After a transport failure: no later request uses a connection that was open before.

        A client that the application made keeps its own pool; its idle connections are closed, as
        far as they can be reached: those of httpx2's own transport and of the SDK's aiohttp one.
        """
        if self.transport is not None:
            await self.transport.retire_connections()
            return
        transport = transport_of(self.client)
        for connection in idle_connections(connector_of(transport)):
            connection.close()
        await close_idle(transport)

    def refuse_attempts(self) -> None:
        """Let no attempt begin any more."""
        self._closed = True

    async def aclose(self) -> None:
        """Close the client, unless it is the application's."""
        self.refuse_attempts()
        if self.transport is not None:
            await self.client.close()


async def _ask(api_key: Callable[[], str] | Callable[[], Awaitable[str]]) -> str:
    """The key that the application's function gives.

    Raises:
        Fault: it gives none, whatever the reason.
    """
    try:
        given = api_key()
        key = await given if inspect.isawaitable(given) else given
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError  # the function has caught it
    except BaseException as exc:  # the application's own code: anything may come out of it
        task = asyncio.current_task()
        cancelled = isinstance(exc, asyncio.CancelledError)
        if cancelled and task is not None and task.cancelling():
            raise
        if isinstance(exc, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        # Of something that the function shares and that was cancelled, not of this turn.
        what = "was cancelled" if cancelled else "gave no key"
        raised = None if cancelled else stand_in(exc)
    else:
        try:
            return check_key(key)
        except (TypeError, ValueError) as exc:  # our own words, which do not show it
            what, raised = f"gave no key: {exc}", None
    # Out here, what the function raised, and all that hangs on it, is no context of this.
    fault = Fault(FailureKind.AUTH, f"api_key() {what}", retryable=True, origin=Origin.CALLER)
    raise fault from raised


# --- what is wrong with the arguments, and what to do about it ------------------------------------


def check_client(client: object) -> None:
    """Check that *client* is one of the SDK's, of any platform.

    Raises:
        TypeError: it is none, or one that blocks the event loop.
    """
    if is_async_client(client):
        return
    kind = type(client)
    got = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    if is_sync_client(client):
        raise TypeError(
            f"client must be an async anthropic client, got the synchronous {got}, which would "
            f"stop the audio: make an Async{kind.__name__}"
        )
    raise TypeError(f"client must be an async anthropic client, such as AsyncAnthropic, got {got}")


def check_base_url(base_url: NotGivenOr[str | None]) -> str | None:
    """The base URL, from the argument or the environment; None if neither names one.

    Raises:
        ValueError: it is no URL, or one that no request can be sent to. No message shows what may
            be a password in it.
    """
    url, name = or_default(base_url, None) or None, "base_url"
    if url is None:
        url, name = os.environ.get("ANTHROPIC_BASE_URL", "").strip() or None, "ANTHROPIC_BASE_URL"
    if url is None:
        return None
    got = f"got {without_credentials(str(url))!r}"
    if not re.match(r"https?://", str(url)):
        raise ValueError(f"{name} must begin with http:// or https://, {got}")
    if re.search(r"\s", str(url)):
        raise ValueError(f"{name} must not hold white space, {got}")
    try:
        parsed = yarl.URL(str(url))
        host, path = parsed.host, parsed.path.rstrip("/")
    except ValueError as exc:
        if "@" in str(url):  # what yarl could not read may be a part of the password
            raise ValueError(f"{name} is not a URL: percent-encode its password, {got}") from None
        raise ValueError(f"{name} is not a URL ({exc}), {got}") from exc
    if not host:
        raise ValueError(f"{name} must name a host, {got}")
    if parsed.query_string or parsed.fragment or "?" in str(url):
        raise ValueError(f"{name} must not have a query or a fragment, {got}")
    for end in ("/v1/messages", "/v1"):
        if path.endswith(end):
            raise ValueError(f"{name} must not end in {end}, which every request adds, {got}")
    return str(url)


def without_credentials(url: str) -> str:
    """*url* as messages may show it: without what stands before an `@`, however malformed."""
    scheme, separator, rest = url.rpartition("://") if url.count("://") == 1 else ("", "", url)
    _, at, host = rest.rpartition("@")
    return f"{scheme}{separator}***@{host}" if at else url


def check_api_key(api_key: NotGivenOr[ApiKey | None]) -> ApiKey:
    """The key, or the function that gives it, from the argument or the environment.

    Raises:
        TypeError: it is no string.
        ValueError: it is missing, empty or malformed. No message shows it.
    """
    passed = or_default(api_key, None)
    if passed is not None:
        return passed if callable(passed) else check_key(passed, "api_key")
    key = os.environ.get("ANTHROPIC_API_KEY")
    if key is None:
        raise ValueError(
            "an Anthropic API key is missing: pass api_key= or set ANTHROPIC_API_KEY "
            "(with client=, no key is needed)"
        )
    return check_key(key, "ANTHROPIC_API_KEY")


def check_key(key: object, name: str = "api_key()") -> str:
    """*key* if it can be sent in a header. No message ever shows it, or a part of it."""
    if not isinstance(key, str):
        raise TypeError(f"{name} must be a str, got {type(key).__name__}")
    if not key:
        raise ValueError(f"{name} is empty: pass api_key= or set ANTHROPIC_API_KEY")
    bad = re.search(r"[^\x21-\x7e]", key)
    if bad is not None:
        raise ValueError(
            f"{name} has a character that no key has, U+{ord(bad.group()):04X} at position "
            f"{bad.start()} of {len(key)}: check for quotes, spaces and line ends"
        )
    if key[0] == key[-1] and key[0] in "'\"":  # `docker --env-file` takes quotes for a part of it
        raise ValueError(f"{name} is in quotes, which no key has: take them away")
    return key
