"""All that knows the Anthropic SDK from the inside, and a way past it for the requests of our own.

A request through the SDK takes longer than all the rest of a turn. What it puts around a body (the
URL and the headers) is the same in every turn, so it is asked once for each client and set of
headers: a copy of the client, whose sockets are a `Recorder`, makes the request and sends nothing.
What an error status means is the SDK's to say as well: the recorder hands it the response.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

import anthropic
import httpx2
import yarl
from anthropic._base_client import AsyncAPIClient, SyncAPIClient

from resilient_claude.failures.private import private_texts
from resilient_claude.request.platforms import (
    ANTHROPIC,
    BEDROCK,
    BEDROCK_MESSAGES,
    OTHER,
    VERTEX,
    Platform,
    platform_of,
)
from resilient_claude.request.request import Request

from .envelope import Envelope
from .httpx2_internals import transport_below
from .proxies import basic_credentials

if TYPE_CHECKING:  # the SDK loads the other platforms' clients on first use
    AnyClient: TypeAlias = (
        anthropic.AsyncAnthropic
        | anthropic.AsyncAnthropicBedrock
        | anthropic.AsyncAnthropicBedrockMantle
        | anthropic.AsyncAnthropicVertex
        | anthropic.AsyncAnthropicGoogleCloud
        | anthropic.AsyncAnthropicFoundry
        | anthropic.AsyncAnthropicAWS
    )

NO_KEY_YET = "not-asked-yet"
"""The SDK wants a key when a client is made; a function for one is asked before every attempt."""


def make_client(
    transport: httpx2.AsyncBaseTransport, *, api_key: str, base_url: str | None
) -> anthropic.AsyncAnthropic:
    """A client of the SDK over *transport*, which leaves retries and time-outs to us.

    Credentials in *base_url* become a header: nothing that shows a URL can show them.
    """
    url = None if base_url is None else yarl.URL(base_url)
    headers = {}
    if url is not None and (url.user or url.password):
        headers["Authorization"] = basic_credentials(url)
        base_url = str(url.with_user(None))
    return anthropic.AsyncAnthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        default_headers=headers,
        http_client=_http_client(transport),
    )


def _http_client(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=transport,
        timeout=None,
        # The API never redirects; following one would show the key to wherever it leads.
        follow_redirects=False,
        # Nor does it need cookies: one would tie all later requests to what set it.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


def is_async_client(client: object) -> bool:
    """Whether *client* is an asynchronous one of the SDK's, of any platform."""
    # Private, and the only class that all platforms' clients have in common; loads none of them.
    return isinstance(client, AsyncAPIClient)


def platform_asked(client: AnyClient) -> Platform:
    """The platform that *client* asks."""
    # By name: the SDK loads the class of a platform when it is first used. What an application has
    # derived from it is asked the same way; what it has derived from the plain one may ask anybody.
    kind, *bases = type(client).__mro__
    names = [each.__name__ for each in (kind, *bases) if each.__module__.startswith("anthropic")]
    derived = names and names[0] == ANTHROPIC.client and kind.__module__ != "anthropic"
    return platform_of("" if derived or not names else names[0], client.base_url.host)


def tells_cache_misses(provider: str) -> bool:
    """Whether the *provider*, a host, takes the question why its prompt cache missed.

    Anthropic's own API does; what speaks as it may reject a field that it does not know. Source:
    platform.claude.com/docs/en/build-with-claude/cache-diagnostics, "Platforms".
    """
    return provider.endswith("anthropic.com")


def is_sync_client(client: object) -> bool:
    """Whether *client* is one of the SDK's, but blocks."""
    return isinstance(client, SyncAPIClient)


def credentials_of(client: AnyClient) -> list[str]:
    """What no message may show: which of them there are depends on the platform."""
    found = [getattr(client, name, None) for name in _CREDENTIALS]
    scheme, _, basic = str(_headers_of(client).get("Authorization", "")).partition(" ")
    if scheme == "Basic":
        found += [basic, _decoded(basic).partition(":")[2] or None]
    found += _in_every_request(client)
    return [credential for credential in found if isinstance(credential, str)]


def _in_every_request(client: AnyClient) -> Iterator[str | None]:
    """What the application, or its environment, puts into all requests of *client*.

    Headers, parameters and cookies of the SDK's client and of the httpx2 client below it, such as
    a gateway's token. Source: anthropic/_base_client.py, `default_headers`; httpx2/_client.py.
    """
    below = getattr(client, "_client", None)
    for owner, names in ((client, ("_custom_headers", "_custom_query")), (below, _OF_HTTPX)):
        headers, query = ({**(getattr(owner, name, None) or {})} for name in names)
        yield from private_texts({}, headers, query).secrets
    for cookie in getattr(getattr(below, "cookies", None), "jar", ()):
        yield cookie.value
    yield getattr(getattr(below, "auth", None), "_auth_header", None)


_OF_HTTPX = ("headers", "params")


def _headers_of(client: AnyClient) -> Mapping[str, object]:
    headers = getattr(client, "default_headers", None)
    return headers if isinstance(headers, Mapping) else {}


def _decoded(basic: str) -> str:
    with suppress(ValueError):
        return b64decode(basic).decode(errors="replace")
    return ""


_CREDENTIALS = ("api_key", "auth_token", "access_token", "aws_secret_key", "aws_session_token")


def transport_of(client: object) -> object:
    """What the requests of *client* go over; None where that cannot be told."""
    # Private to the SDK, which has no public way to it.
    return transport_below(getattr(client, "_client", None))


def connector_of(transport: object) -> object:
    """Aiohttp's connector below the SDK's own aiohttp *transport*; None if it is another.

    Source: anthropic/_vendor/httpx_aiohttp, or httpx_aiohttp: `AiohttpTransport.client`.
    """
    return getattr(getattr(transport, "client", None), "connector", None)


# --- past the SDK ---------------------------------------------------------------------------------


class Recorder(httpx2.AsyncBaseTransport):
    """Sockets that lead nowhere: keeps the request that the SDK makes.

    Args:
        response: what the request is answered with; without one, it fails.

    Attributes:
        request: the SDK's.
    """

    def __init__(self, response: httpx2.Response | None = None) -> None:
        self.request: httpx2.Request | None = None
        self._response = response

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Record *request*.

        Raises:
            httpx2.ConnectError: there is no response to give. A made-up one would be logged by
                httpx2 as if it had come.
        """
        self.request = request
        if self._response is None:
            raise httpx2.ConnectError("recorded, not sent")
        return self._response


async def learn_envelope(client: AnyClient, request: Request) -> Envelope:
    """What the SDK puts around *request*; nothing is sent.

    Raises:
        anthropic.AnthropicError: the SDK does not make such a request.
    """
    recorder = Recorder()
    try:
        await post(client.copy(http_client=_http_client(recorder)), request)
    except anthropic.APIConnectionError:
        if recorder.request is not None:
            return Envelope.of(recorder.request)
        raise
    raise AssertionError("a request that is not sent is not answered")


async def raise_status_error(
    client: anthropic.AsyncAnthropic, request: Request, response: httpx2.Response
) -> NoReturn:
    """Let the SDK raise what *response*, to *request*, means.

    Raises:
        anthropic.APIStatusError: *response* has an error status.
    """
    bare = httpx2.Response(response.status_code, headers=_without_type(response), content=b"")
    for answer in (response, bare):
        try:
            await post(client.copy(http_client=_http_client(Recorder(answer))), request)
        except anthropic.APIStatusError:
            raise
        except Exception:  # noqa: BLE001, S112 - whatever its body does to the SDK: it has a status
            continue
    bare.request = httpx2.Request("POST", client.base_url)
    message = f"Error code: {response.status_code}"
    raise anthropic.APIStatusError(message, response=bare, body=None)


def _without_type(response: httpx2.Response) -> httpx2.Headers:
    headers = response.headers.copy()
    for name in ("content-type", "content-length"):
        headers.pop(name, None)
    return headers


# --- through the SDK ------------------------------------------------------------------------------


async def post(
    client: AnyClient, request: Request, *, connect_s: float | None = None
) -> anthropic.AsyncStream[object]:
    """Send *request* by the SDK, once.

    Args:
        client: the SDK's.
        request: what to send.
        connect_s: the clock for connecting, seconds; the other clocks are not the SDK's.

    Raises:
        anthropic.APIStatusError: the response has an error status.
        anthropic.APIConnectionError: there is none.
    """
    return await client.post(
        "/v1/messages",
        cast_to=object,
        stream=True,
        stream_cls=anthropic.AsyncStream[object],
        **body_of(client, request),
        options=cast(Any, options_of(request, connect_s=connect_s)),
    )


def body_of(client: AnyClient, request: Request) -> dict[str, Any]:
    """The request's body: ready-made bytes, or a dict for the clients that rewrite it.

    Bedrock and Vertex move the model into the URL, so they need the dict.
    """
    if platform_asked(client) in _REWRITE_BODIES:
        return {"body": request.body}
    return {"content": request.content()}


# Source: anthropic/lib, `_prepare_options` of each; of an application's own client nobody knows.
_REWRITE_BODIES = (BEDROCK, BEDROCK_MESSAGES, VERTEX, OTHER)


def options_of(request: Request, *, connect_s: float | None) -> dict[str, Any]:
    """The SDK's options for *request*; *connect_s* as in `post`."""
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
