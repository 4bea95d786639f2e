"""What the sockets write about a connection, and into whose evidence."""

from __future__ import annotations

import asyncio

from resilient_claude.failures.evidence import Evidence
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.transport.current_evidence import current_evidence
from resilient_claude.transport.models_endpoint import describe_model
from resilient_claude.transport.target import Target
from tests.support.adapters import KEY


async def connect(claude: SimulatedClaude, evidence: Evidence) -> None:
    """Show a key to *claude*, on a new connection."""
    target = Target.of(client=None, api_key=KEY, base_url=claude.base_url)
    await describe_model(target.client, "claude-sonnet-4-6", evidence)
    await target.aclose()


async def test_each_of_two_attempts_has_its_own() -> None:
    """Two that run side by side must not be told of each other's address."""
    first, second = Evidence(), Evidence()
    with SimulatedClaude(default=Answer()) as one, SimulatedClaude(default=Answer()) as other:
        await asyncio.gather(connect(one, first), connect(other, second))

        peers = [f"http://{evidence.peer}" for evidence in (first, second)]
        assert peers == [one.base_url, other.base_url]


async def test_nothing_of_it_stays_in_the_task() -> None:
    """What the application connects to next in the same task is none of the attempt's."""
    with SimulatedClaude(default=Answer()) as claude:
        await connect(claude, Evidence())

    assert current_evidence.get() is None
