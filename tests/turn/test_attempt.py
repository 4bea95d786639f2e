"""One attempt by itself, and two of them side by side, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit.agents import NOT_GIVEN, llm

from resilient_claude import FailureKind, Outcome
from resilient_claude.failures.evidence import Evidence
from resilient_claude.policy.retry import AttemptFailed
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.request.build import build_request
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.testing import Answer, HttpError, SimulatedClaude
from resilient_claude.transport.target import Target
from resilient_claude.turn.attempt import Attempt
from resilient_claude.turn.clocks import Clocks

KEY = "sk-ant-test-0123456789"
MODEL = "claude-sonnet-4-6"


def request(text: str) -> Request:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=text)
    return build_request(
        FixedFields.of(RequestOptions(model=MODEL)), context, schemas=ToolSchemas()
    )


class Player:
    """One attempt, and what was delivered of it."""

    def __init__(self, target: Target, text: str) -> None:
        self.evidence = Evidence()
        self.chunks: list[llm.ChatChunk] = []
        clocks = Clocks(
            self.evidence,
            Timeouts(),
            first_token_s=6,
            caps=[(asyncio.get_running_loop().time() + 20, "max_silence_s", 20)],
            turn_cap=(asyncio.get_running_loop().time() + 300, "max_turn_s", 300),
            observed=True,
        )
        self.attempt = Attempt(
            target,
            request(text),
            clocks,
            deliver=self.chunks.extend,
            connect_s=3,
        )

    async def play(self) -> Outcome:
        return await self.attempt.play(may_be_empty=False, may_pause=False)

    @property
    def text(self) -> str:
        return "".join(c.delta.content or "" for c in self.chunks if c.delta is not None)


@pytest.fixture
async def target(simulated_claude: SimulatedClaude) -> AsyncIterator[Target]:
    target = Target.of(client=None, api_key=KEY, base_url=simulated_claude.base_url)
    yield target
    await target.aclose()


async def test_two_attempts_run_side_by_side(
    simulated_claude: SimulatedClaude, target: Target
) -> None:
    """A race and a fallback play two at once: neither may hear or know of the other."""
    simulated_claude.script(
        Answer("One two three.", piece_s=0.01), Answer("Four five six.", piece_s=0.01)
    )
    players = Player(target, "A"), Player(target, "B")

    outcomes = await asyncio.gather(*(player.play() for player in players))

    assert outcomes == [Outcome.COMPLETE, Outcome.COMPLETE]
    assert sorted(player.text for player in players) == ["Four five six.", "One two three."]
    ids = {player.evidence.request_id for player in players}
    assert len(ids) == 2
    assert None not in ids


async def test_the_failure_of_one_attempt_is_nothing_to_the_other(
    simulated_claude: SimulatedClaude, target: Target
) -> None:
    """The loser of a race is named by what happened to it, and the winner's answer is whole."""
    simulated_claude.script(HttpError(529), Answer("Hello.", first_byte_s=0.05))
    players = Player(target, "A"), Player(target, "B")

    results = await asyncio.gather(*(p.play() for p in players), return_exceptions=True)

    (failed,) = [result for result in results if isinstance(result, AttemptFailed)]
    assert failed.failure.kind is FailureKind.OVERLOADED
    assert Outcome.COMPLETE in results
    assert sorted(player.text for player in players) == ["", "Hello."]


async def test_one_attempt_is_ended_and_the_other_goes_on(
    simulated_claude: SimulatedClaude, target: Target
) -> None:
    """Who wins a race ends the other, at once."""
    simulated_claude.script(default := Answer("Hello.", first_byte_s=0.1), default)
    first, second = Player(target, "A"), Player(target, "B")
    playing = asyncio.create_task(first.play()), asyncio.create_task(second.play())
    await asyncio.to_thread(simulated_claude.wait_for_requests, 2)

    first.attempt.abort()
    results = await asyncio.gather(*playing, return_exceptions=True)

    assert isinstance(results[0], AttemptFailed)
    assert results[0].failure.kind is FailureKind.CANCELLED
    assert (results[1], second.text) == (Outcome.COMPLETE, "Hello.")


def test_nothing_given_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target names what is missing before any attempt is made."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    with pytest.raises(ValueError, match="API key is missing"):
        Target.of(client=None, api_key=NOT_GIVEN, base_url=NOT_GIVEN)
