"""The request that warms the prompt cache."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents.llm.chat_context import Instructions

from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.request.warming import static_text, warming_request
from tests.request.tools.test_definitions import WEATHER, weather
from tests.support.builders import EPHEMERAL, SAMPLING, rejected, text, user

FORMAT = {"type": "json_schema", "schema": {"type": "string"}}


def warming(model: str = SAMPLING, tools: tuple[Any, ...] = (), **options: Any) -> Request:
    fixed = FixedFields.of(RequestOptions(model=model, **options))
    return warming_request(fixed, "Be kind.", tools, ToolSchemas())


def test_it_is_the_first_turns_up_to_where_the_caller_speaks() -> None:
    """The mark stands before what the caller says: that would be written in vain."""
    request = warming(tools=(weather,), user="u")

    assert request.body == {
        "max_tokens": 0,
        "messages": [user("warmup")],
        "metadata": {"user_id": "u"},
        "model": SAMPLING,
        "system": [text("Be kind.", cache_control=EPHEMERAL)],
        "tools": [{**WEATHER, "cache_control": EPHEMERAL}],
    }
    assert request.cached_s == 300
    assert rejected(request) is None


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"model": "claude-sonnet-5-5"}, ("thinking", "output_config")),
        ({"model": "claude-opus-5-5", "effort": "high"}, ("thinking", "output_config")),
        ({"tool_choice": "required", "tools": (weather,)}, ()),
        ({"stop_sequences": ["END"], "temperature": 0.2}, ("temperature",)),
        (
            {"model": "claude-sonnet-5-5", "output_config": {"format": FORMAT}},
            ("thinking", "output_config"),
        ),
        ({"output_config": {"format": FORMAT}}, ()),
    ],
)
def test_what_asks_for_output_is_left_out_and_what_is_rendered_stays(
    options: dict[str, Any], kept: tuple[str, ...]
) -> None:
    """The API rejects the one; without the other, no turn would find what is written."""
    request = warming(**options)

    optional = {"thinking", "output_config", "tool_choice", "stop_sequences", "temperature"}
    assert {*request.body} & optional == {*kept}
    assert "format" not in request.body.get("output_config", {})
    assert rejected(request) is None


def test_manual_thinking_cannot_be_warmed() -> None:
    """An error that says so, instead of the API's."""
    with pytest.raises(ValueError, match='thinking of the type "enabled": the API rejects it'):
        warming(thinking={"type": "enabled", "budget_tokens": 1024})


def test_of_livekits_instructions_it_takes_what_a_voice_is_told_in_every_call() -> None:
    """What is told of one call alone is in no other."""
    dynamic: Any = {"dynamic": "Mary calls."} if hasattr(Instructions, "render_static") else {}
    told = Instructions("Be kind.", audio="Be brief.", text="Use lists.", **dynamic)

    assert static_text(told) == "Be kind.\n\nBe brief."
    assert static_text("Be kind.") == "Be kind."


@pytest.mark.parametrize(
    ("instructions", "error"), [(None, TypeError), (["Be kind."], TypeError), (" ", ValueError)]
)
def test_what_is_no_instruction_is_refused(instructions: Any, error: type[Exception]) -> None:
    """Before anything is sent."""
    with pytest.raises(error, match="instructions must"):
        static_text(instructions)
