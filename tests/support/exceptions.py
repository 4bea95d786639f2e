"""Exceptions as the packages below us raise them, and the evidence that comes with them."""

from __future__ import annotations

from itertools import pairwise

import anthropic
import httpx2
from aiohttp.client_reqrep import ConnectionKey

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Phase

CONNECTING = Evidence(Phase.CONNECT)
STREAMING = Evidence(Phase.STREAMING, request_id="req_1")
REQUEST = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")
KEY = ConnectionKey(
    "api.anthropic.com", 443, True, True, *[None] * (len(ConnectionKey._fields) - 4)
)


def status_error(
    status: int,
    *,
    error_type: str | None = None,
    message: str = "no",
    headers: dict[str, str] | None = None,
    details: dict[str, str] | None = None,
) -> anthropic.APIStatusError:
    """What the SDK raises for an error response of the documented shape."""
    body = {"type": "error", "error": {"type": error_type, "message": message, "details": details}}
    response = httpx2.Response(
        status, headers={"request-id": "req_1", **(headers or {})}, request=REQUEST
    )
    return anthropic.APIStatusError(f"Error code: {status} - {body}", response=response, body=body)


def chained(*errors: BaseException) -> BaseException:
    """*errors* from the outside in, linked by `raise ... from`."""
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


def hidden(*errors: BaseException) -> BaseException:
    """*errors* from the outside in, linked as httpcore2 does it: `raise ... from None`."""
    for outer, inner in pairwise(errors):
        outer.__context__ = inner
        outer.__suppress_context__ = True
    return errors[0]
