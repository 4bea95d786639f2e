"""One message that does not stream, over real sockets."""

from __future__ import annotations

import json

import anthropic
import pytest

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.faults import Fault
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.request.warming import warming_request
from resilient_claude.testing import Answer, HttpError, Raw, SimulatedClaude
from resilient_claude.transport.whole_message import whole_message
from tests.support.adapters import KEY


def request() -> Request:
    fixed = FixedFields.of(RequestOptions(model="claude-sonnet-4-6"))
    return warming_request(fixed, "Be kind.", (), ToolSchemas())


async def test_the_message_is_what_came() -> None:
    """Asked once, without the SDK's retries, and with the headers of a turn."""
    evidence = Evidence()
    with SimulatedClaude(Answer(cache_creation_tokens=5_000)) as claude:
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url) as client:
            message = await whole_message(client, request(), evidence, connect_s=1)

        (asked,) = claude.requests
    assert message["usage"]["cache_creation_input_tokens"] == 5_000
    assert (asked.body["max_tokens"], "stream" in asked.body) == (0, False)


async def test_an_error_is_the_sdks_and_is_not_asked_for_again() -> None:
    """The adapter names it."""
    with SimulatedClaude(HttpError(529)) as claude:
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url) as client:
            with pytest.raises(anthropic.APIStatusError):
                await whole_message(client, request(), Evidence(), connect_s=1)

        assert len(claude.requests) == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html>", "text/html"),
        ("[1]", "application/json"),
        (json.dumps({"usage": None}), "application/json"),
    ],
)
async def test_what_is_no_message_is_malformed(body: str, content_type: str) -> None:
    """A captive portal answers with HTTP 200 as well."""
    with SimulatedClaude(Raw(body, content_type=content_type)) as claude:
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url) as client:
            with pytest.raises(Fault, match="no message with usage"):
                await whole_message(client, request(), Evidence(), connect_s=1)
