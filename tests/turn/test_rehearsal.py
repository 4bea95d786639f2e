"""What is done before the first turn, and what it says when it cannot be done."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from livekit.agents import APIError, APIStatusError

from resilient_claude import FailureKind, ResilientClaudeLLM, Timeouts, failure_of
from resilient_claude.testing import Break, HttpError, Raw, SimulatedClaude
from resilient_claude.testing.serving import models_list, play
from tests.benchmarks import conversation as desk
from tests.support.adapters import KEY, MakeLLM
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream


async def test_warming_can_be_awaited(make_llm: MakeLLM) -> None:
    """An entrypoint that waits for it knows that the first turn finds everything ready."""
    tools = [*desk.tools(3)]
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await adapter.warm(tools=tools)
        opened = claude.connections

        await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        await adapter.aclose()

        assert (opened, claude.connections) == (1, 1)
        assert len(claude.requests) == 1


async def test_warming_says_what_is_wrong(make_llm: MakeLLM) -> None:
    """A port that nobody listens on is known before the first caller speaks."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        claude.refuse()

        with pytest.raises(APIError, match="warming failed: connect") as caught:
            await adapter.warm()
        await adapter.aclose()

    failure = failure_of(caught.value)
    assert failure is not None
    assert failure.kind is FailureKind.CONNECT
    assert not isinstance(caught.value, APIStatusError)


async def test_a_closed_adapter_is_not_warmed() -> None:
    """As `chat()` says it."""
    adapter = ResilientClaudeLLM(api_key=KEY)
    await adapter.aclose()

    with pytest.raises(RuntimeError, match="is closed: make a new one"):
        await adapter.warm()


# --- the model ------------------------------------------------------------------------------------


async def test_a_wrong_model_is_a_line_before_the_first_caller_speaks(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Otherwise it is a 404 with the first caller on the line, and with every other one."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, model="claude-sonet-4-6")
        with pytest.raises(APIStatusError, match="warming failed") as caught:
            await adapter.warm()
        await adapter.aclose()

    assert caught.value.status_code == 404
    (line,) = lines.named("claude.model_unknown")
    assert (line["model"], line["suggestion"]) == ("claude-sonet-4-6", "claude-sonnet-4-6")


async def test_a_model_that_is_none_any_more_is_a_line_without_a_guess(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """It is spelled rightly: there is nothing that was meant instead."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, model="claude-opus-4-20250514")
        adapter.prewarm()
        assert adapter._prewarm_task is not None
        await asyncio.wait([adapter._prewarm_task])
        await adapter.aclose()

    (line,) = lines.named("claude.model_unknown")
    assert "suggestion" not in line


@pytest.fixture
def _in_november(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is deprecated now is retired one day, and the tests are run after it too."""

    class November(date):
        @classmethod
        def today(cls) -> November:
            return cls(2026, 11, 26)

    monkeypatch.setattr("resilient_claude.llm.date", November)


@pytest.mark.usefixtures("_in_november")
async def test_a_model_that_is_to_retire_is_a_line(make_llm: MakeLLM, lines: Lines) -> None:
    """Days before its last one, not on it."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, model="claude-sonnet-4-5")
        await adapter.warm()
        await adapter.aclose()

    (line,) = lines.named("claude.model_retires")
    assert (line["lifecycle"], line["retires_at"]) == ("deprecated", "2026-11-30")


@pytest.mark.usefixtures("_in_november")
async def test_a_deprecated_model_is_one_line_in_a_process(make_llm: MakeLLM, lines: Lines) -> None:
    """Also where nothing is warmed, and where an adapter moves to it in mid-call."""
    with SimulatedClaude() as claude:
        first, second = make_llm(claude, model="claude-opus-4-5"), make_llm(claude)
        second.update_options(model="claude-opus-4-5")
        await first.warm()
        await first.aclose()
        await second.aclose()

    assert lines.named("claude.model_retires") == [
        {"model": "claude-opus-4-5", "lifecycle": "deprecated", "retires_at": "2027-01-22"}
    ]


async def test_what_the_api_says_of_a_model_counts_from_the_first_turn_on(
    make_llm: MakeLLM, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alias says nothing of itself, so without it Claude would think before every word."""
    described = models_list.model("claude-haiku-5-5")
    monkeypatch.setattr(play, "model", lambda name: described)
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, model="voice-of-the-house")
        await adapter.warm()
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        (request,) = claude.requests
    assert request.body["thinking"] == {"type": "disabled"}
    assert request.body["output_config"] == {"effort": "low"}
    assert lines.named("claude.request_adjusted") == []


async def test_a_gateway_without_the_endpoint_is_warm_all_the_same(
    make_llm: MakeLLM, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its 404 is about the path, and says nothing of the model."""
    monkeypatch.setattr(play, "model", lambda name: None)
    monkeypatch.setattr(play, "HttpError", lambda status, message: HttpError(404, message="no"))
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await adapter.warm()
        await adapter.aclose()

    assert lines.events == []


# --- the prompt cache -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (HttpError(401), FailureKind.AUTH),
        (HttpError(529), FailureKind.OVERLOADED),
        (Raw("{", content_type="application/json"), FailureKind.MALFORMED),
        (Raw("<html>"), FailureKind.MALFORMED),
        (Break("stall", at="request"), FailureKind.TIMEOUT),
        (Break("reset", at="request"), FailureKind.RESET),
    ],
)
async def test_a_cache_that_cannot_be_warmed_says_why(
    make_llm: MakeLLM, step: Any, kind: FailureKind
) -> None:
    """In livekit's words, once, and without a word of the instructions."""
    with SimulatedClaude(step) as claude:
        adapter = make_llm(claude, timeout=Timeouts(connect_s=0.1, first_token_s=0.1))

        with pytest.raises(APIError, match="warming the cache failed") as caught:
            await adapter.warm_cache("Be kind to Mary.", desk.tools(1))
        await adapter.aclose()

        assert len(claude.requests) == 1
    failure = failure_of(caught.value)
    assert failure is not None
    assert failure.kind is kind
    assert "Mary" not in str(caught.value)


async def test_what_cannot_warm_a_cache_is_refused_before_anything_is_sent(
    make_llm: MakeLLM,
) -> None:
    """A slip of the pen is no failure of the API's."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, thinking={"type": "enabled", "budget_tokens": 1024})
        with pytest.raises(ValueError, match="the API rejects it"):
            await adapter.warm_cache("Be kind.")
        with pytest.raises(TypeError, match="instructions must be a str"):
            await adapter.warm_cache(None)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"tools must be a list, such as agent\.tools"):
            await adapter.warm_cache("Be kind.", "tools")  # type: ignore[arg-type]
        await adapter.aclose()
        with pytest.raises(RuntimeError, match="is closed: make a new one"):
            await adapter.warm_cache("Be kind.")

        assert claude.requests == []


async def test_a_cache_is_warmed_with_what_the_api_takes(make_llm: MakeLLM) -> None:
    """A request that a turn would mend is mended, so that the turn finds what was written."""
    rejected = HttpError(
        400, "invalid_request_error", "This model does not support the effort parameter."
    )
    with SimulatedClaude(rejected) as claude:
        adapter = make_llm(claude, model="claude-opus-5-5")
        await adapter.warm_cache("Be kind.")
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        first, *others = claude.requests

    assert "output_config" in first.body
    assert ["output_config" in request.body for request in others] == [False, False]


async def test_a_rejection_that_mending_does_not_help_is_told(make_llm: MakeLLM) -> None:
    """One more request, and no loop."""
    rejected = HttpError(
        400, "invalid_request_error", "This model does not support the effort parameter."
    )
    with SimulatedClaude(default=rejected) as claude:
        adapter = make_llm(claude, model="claude-opus-5-5")

        with pytest.raises(APIStatusError, match="warming the cache failed: rejected"):
            await adapter.warm_cache("Be kind.")
        await adapter.aclose()

        assert len(claude.requests) == 2
