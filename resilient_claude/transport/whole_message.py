"""One message that does not stream: asked by the SDK, and answered as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.faults import malformed
from resilient_claude.request.request import Request

from .current_evidence import current_evidence
from .sdk import body_of, options_of

if TYPE_CHECKING:
    from .sdk import AnyClient


async def whole_message(
    client: AnyClient, request: Request, evidence: Evidence, *, connect_s: float
) -> dict[str, Any]:
    """The message that answers *request*, whose body does not ask for a stream.

    Args:
        client: the SDK's; its own retries are switched off for this request.
        request: what to ask.
        evidence: told how far it has come.
        connect_s: the clock for connecting, for clients with a transport of their own, seconds.

    Raises:
        anthropic.APIStatusError: the response has an error status.
        anthropic.APIConnectionError: there is no response.
        Fault: it is no message.
    """
    token = current_evidence.set(evidence)
    try:
        message = await client.post(
            "/v1/messages",
            cast_to=object,
            **body_of(client, request),
            options=cast(Any, options_of(request, connect_s=connect_s)),
        )
    finally:
        current_evidence.reset(token)
    if not isinstance(message, dict) or not isinstance(message.get("usage"), dict):
        raise malformed("HTTP 200, and no message with usage")
    return message
