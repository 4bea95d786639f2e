"""What the SDK's other clients load and ask for with their first request, done before it.

Bedrock's needs boto3 (0.25 s of imports, and 0.1 s for its description of the service), and all but
the plain one need credentials, for which the clouds' libraries read files and ask servers. The
SDK does a part of that on the event loop, where it stops the audio of every call in the process.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import httpx2

from resilient_claude.failures.evidence import Evidence
from resilient_claude.request.platforms import BEDROCK

from .current_evidence import current_evidence
from .sdk import platform_asked

if TYPE_CHECKING:
    from .sdk import AnyClient

_SIGNERS = ("anthropic.lib.aws._auth", "anthropic.lib.bedrock._auth")
"""The SDK's modules that sign for AWS; the second is gone from its second major version."""

_FRAME = {
    "status_code": 200,
    "headers": {":event-type": "chunk", ":message-type": "event"},
    "body": b'{"bytes": "e30="}',
}
"""An event of Bedrock's, as botocore hands it on."""


async def load_and_sign(client: AnyClient) -> None:
    """Import what *client* needs, in a thread, and get its credentials.

    Raises:
        Exception: whatever the cloud's library raises where there are no credentials.
    """
    await asyncio.to_thread(_load, client)
    await _ask_for_token(client)
    # What the SDK calls before it sends a request. It asks for credentials in a thread of its own.
    headers = {"Connection": "keep-alive"}  # SDK 1 takes it out without looking
    request = httpx2.Request("POST", client.base_url, headers=headers, content=b"{}")
    await client._prepare_request(request)


async def connect(client: AnyClient, evidence: Evidence) -> None:
    """Open a connection where nothing can be asked for: by a request that shows no credentials.

    What comes back says nothing; that it comes means that there is a connection.

    Raises:
        httpx2.TransportError: there is none.
    """
    token = current_evidence.set(evidence)
    try:
        # Below the SDK, which would sign it.
        http_client: httpx2.AsyncClient = client._client
        await http_client.request("HEAD", client.base_url, follow_redirects=False)
    finally:
        current_evidence.reset(token)


def _load(client: AnyClient) -> None:
    """Import what the first request and its answer would import."""
    if getattr(client, "_use_sigv4", hasattr(client, "aws_region")):
        for name in _SIGNERS:
            with suppress(ImportError):
                import_module(name)
    if platform_asked(client) is BEDROCK:
        import_module("botocore.eventstream")
        decoder: Any = client._make_sse_decoder()
        decoding = import_module(type(decoder).__module__)
        decoder.parser.parse(_FRAME, decoding.get_response_stream_shape())


async def _ask_for_token(client: AnyClient) -> None:
    """Have a function of the application's, which Foundry's client calls on the loop, make a token.

    Such functions keep it (azure.identity, `get_bearer_token_provider`). What this one raises will
    be raised again, by a request.
    """
    provider: Callable[[], Any] | None = getattr(client, "_azure_ad_token_provider", None)
    if provider is None or inspect.iscoroutinefunction(provider):
        return
    with suppress(Exception):  # the application's function: the request that asks it again says so
        token = await asyncio.to_thread(provider)
        if inspect.isawaitable(token):
            await token
