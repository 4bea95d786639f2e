"""What was won in speed, kept by counts: they are the same on every machine."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Literal

import pytest
from anthropic import _models
from livekit.agents.llm import utils
from livekit.agents.types import NOT_GIVEN, NotGivenOr

from resilient_claude import ResilientClaudeLLM
from resilient_claude.request.build import build_request
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.tools.schemas import ToolSchemas

from . import conversation
from .contenders import OURS
from .counts import BUILDERS, counts
from .cpu import nothing
from .measure import Setting
from .server import BenchmarkServer
from .sessions import telephone


@pytest.fixture(scope="module")
def counted() -> dict[str, float]:
    """The counts of one turn with 20 typed tools and 100 items, the third of its kind."""
    with BenchmarkServer() as server:
        results = asyncio.run(counts(Setting(server, 1, 1.0, False, nothing)))
    return {result.measure: result.samples[OURS][0] for result in results}


# Each bound is what was counted with the oldest and the newest versions, and a tenth more.
BOUNDS = {
    "tool schemas built per turn of 20 tools": 0,
    "SDK models made per token": 0,
    "... of them in the adapter": 28,
    "... of them in the SDK and HTTP": 22,
    "Python calls per token, paced": 115,
    "Python calls per turn besides": 1_250,
}


@pytest.mark.parametrize("measure", BOUNDS)
def test_no_turn_and_no_token_costs_more_than_it_did(
    measure: str, counted: dict[str, float]
) -> None:
    """A clock would not notice one more call per token, and ten of them are a quarter."""
    assert counted[measure] <= BOUNDS[measure]


async def _calls_in_chat(server: BenchmarkServer, items: int) -> int:
    async with telephone(Setting(server, 1, 1.0, False, nothing), OURS, items) as call:
        for _ in range(3):
            await call.turn()
        return await call.counted_turn()


def test_a_turn_costs_hardly_more_late_in_a_call() -> None:
    """In a real session, whose turns each begin with instructions that are made anew."""
    with BenchmarkServer() as server:
        early, late = [asyncio.run(_calls_in_chat(server, items)) for items in (10, 3_000)]

    assert late <= 2 * early + 50


def test_what_is_counted_is_still_called_so() -> None:
    """A count of 0 proves nothing once the function that is counted has another name."""
    assert callable(_models.construct_type)
    assert all(callable(getattr(utils, name)) for name in BUILDERS)


def test_the_first_turn_of_a_long_history_costs_no_more_than_it_did() -> None:
    """An agent that is handed a call in its middle; what it costs is counted, and a tenth more."""
    adapter, context, count = ResilientClaudeLLM(api_key="k"), conversation.long(100), 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        build_request(adapter._requests._fixed, context, schemas=ToolSchemas()).content()
    finally:
        sys.setprofile(None)

    assert count <= 1_400


def _calls_of_fourth_request(
    items: int, *, shorten: bool = False, caching: NotGivenOr[Literal["ephemeral"]] = NOT_GIVEN
) -> int:
    """The Python calls that the fourth request of a call takes to be built."""
    adapter, count = ResilientClaudeLLM(api_key="k", caching=caching), 0
    context, histories = conversation.long(items), HistoryCache()

    def request() -> bytes:
        fixed, schemas = adapter._requests._fixed, adapter._schemas
        return build_request(fixed, context, schemas=schemas, histories=histories).content()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    for _ in range(3):
        request()
        conversation.go_on(context, shorten=shorten)
    sys.setprofile(profile)
    try:
        request()
    finally:
        sys.setprofile(None)
    return count


def test_marks_of_the_cache_cost_no_more_late_in_a_call() -> None:
    """They are in the last messages: what stands before is not encoded anew."""
    early, late = [_calls_of_fourth_request(n, caching="ephemeral") for n in (10, 3_000)]

    assert late <= early + 20


def test_a_history_that_is_shortened_is_not_looked_at_item_by_item() -> None:
    """Applications that keep the last hundred items shorten it in every turn."""
    grown, shortened = [_calls_of_fourth_request(100, shorten=shorten) for shorten in (False, True)]

    assert shortened <= grown + 60
