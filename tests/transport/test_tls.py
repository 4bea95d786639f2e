"""TLS that fails says over whose certificate, and how the connection ended."""

from __future__ import annotations

import asyncio

import pytest

from resilient_claude import Failure, ResilientClaudeLLM, failure_of
from resilient_claude.testing import SimulatedClaude
from resilient_claude.transport.connector import HANDSHAKE_ENDED
from tests.support.adapters import KEY, shrunk_policy
from tests.support.listening import conversation, read_stream
from tests.support.serving import Serving, reset_when_closed


async def failure_at(url: str) -> Failure:
    """What one attempt at *url* fails with."""
    adapter = ResilientClaudeLLM(api_key=KEY, base_url=url, retry=shrunk_policy(max_attempts=1))
    heard = await read_stream(adapter.chat(chat_ctx=conversation()))
    await adapter.aclose()
    failure = failure_of(heard.error)
    assert failure is not None
    return failure


async def test_a_certificate_that_is_refused_is_described() -> None:
    """Somebody inspects TLS, a clock is wrong, or a certificate is old: this tells which."""
    with SimulatedClaude(tls=True) as claude:
        failure = await failure_at(claude.base_url)

    assert (failure.kind, failure.errno) == ("tls", None)
    assert "organizationName=trustme" in (failure.tls_issuer or "")
    assert "organizationName=trustme" in (failure.tls_subject or "")
    assert (failure.tls_not_before or "").endswith("2000 GMT")
    assert (failure.tls_not_after or "").endswith("GMT")


async def test_an_alert_without_a_certificate_describes_none() -> None:
    """Nothing is made up."""
    with SimulatedClaude(tls=True) as claude:
        claude.tls_mode("alert")
        failure = await failure_at(claude.base_url)

    assert (failure.kind, failure.errno, failure.tls_issuer) == ("tls", None, None)


class Hello(Serving):
    """Reads the beginning of a handshake and ends the connection."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(2**16)
        if self._reset:
            reset_when_closed(writer)
        writer.close()


@pytest.mark.parametrize("reset", [False, True])
async def test_how_a_handshake_was_ended_is_told(reset: bool) -> None:
    """A firewall sends a reset, a load balancer without a backend a FIN."""
    async with Hello(reset=reset).listening() as url:
        failure = await failure_at(url.replace("http:", "https:"))

    assert failure.phase == "tls"
    assert (failure.root_message == HANDSHAKE_ENDED) is not reset
    assert failure.peer == url.removeprefix("http://")
