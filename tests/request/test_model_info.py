"""What the API says of a model, laid over what its id tells."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.request.model_info import ModelInfo
from resilient_claude.request.models import Model
from resilient_claude.testing.serving.models_list import model

SONNET = Model.parse("claude-sonnet-5-5")
ALIAS = Model.parse("sonnet-for-calls")


def capable(**capabilities: Any) -> dict[str, Any]:
    """An answer that says only this."""
    return {"capabilities": capabilities}


def test_capabilities_overrule_the_table() -> None:
    """A row can be out of date; the API is asked on the same day."""
    types = {"between_tools": {"supported": False}, "disabled": {"supported": True}}
    effort = {"low": {"supported": False}, "max": {"supported": True}}
    answer = capable(
        thinking={"types": types}, effort=effort, structured_outputs={"supported": False}
    )

    facts = ModelInfo.of(SONNET, answer | {"max_tokens": 9000, "max_input_tokens": 10}).model.facts

    assert facts.thinking == ("adaptive", "disabled")
    assert facts.efforts == ("medium", "high", "xhigh", "max")
    assert (facts.max_output_tokens, facts.context_tokens) == (9000, 10)
    assert not facts.strict_tools
    # What a voice would ask for by default is not taken any more, so nothing is asked for.
    assert (facts.voice_thinking, facts.voice_effort) == (None, None)


@pytest.mark.parametrize(
    "name", ["claude-haiku-5-5", "claude-opus-5", "claude-sonnet-4-6", "claude-opus-4-5"]
)
def test_what_the_documentation_says_of_a_model_changes_nothing(name: str) -> None:
    """The table and the rules of the simulation come from the same pages, by two hands."""
    known = Model.parse(name)

    told = ModelInfo.of(known, model(name)).model.facts

    assert {*told.thinking} == {*known.facts.thinking}
    assert told.efforts == known.facts.efforts
    assert told.max_output_tokens == known.facts.max_output_tokens
    assert told.context_tokens == known.facts.context_tokens


def test_an_alias_is_the_model_that_it_stands_for() -> None:
    """Its id says nothing, and the API does."""
    info = ModelInfo.of(ALIAS, {"id": "claude-haiku-5-5"})

    assert info.model.id == "sonnet-for-calls"
    assert info.model.facts is Model.parse("claude-haiku-5-5").facts
    assert info.model.is_named


def test_an_id_that_says_which_model_it_is_is_believed() -> None:
    """A gateway that names another one speaks of its own routing."""
    assert ModelInfo.of(SONNET, {"id": "claude-haiku-4-5"}).model.facts is SONNET.facts


@pytest.mark.parametrize(
    ("answer", "told", "ends"),
    [
        ({"lifecycle": "active", "retires_at": None}, ("active", None), False),
        (
            {"lifecycle": "deprecated", "retires_at": "2026-11-30T00:00:00Z"},
            ("deprecated", "2026-11-30"),
            True,
        ),
        ({"lifecycle": "retired"}, ("retired", None), True),
        ({"retires_at": "2027-01-22T00:00:00Z"}, (None, "2027-01-22"), True),
        ({}, (None, None), False),
    ],
)
def test_when_it_ends(answer: Any, told: tuple[str | None, str | None], ends: bool) -> None:
    """An operator has until then to move."""
    info = ModelInfo.of(SONNET, answer)

    assert ((info.lifecycle, info.retires_at), info.ends) == (told, ends)


NAMES = st.sampled_from(
    [
        *("id", "capabilities", "thinking", "types", "effort", "adaptive", "low", "supported"),
        *("max_tokens", "lifecycle", "retires_at", "structured_outputs"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(answer=JSON)
def test_any_answer_leaves_a_model_that_can_be_asked(answer: Any) -> None:
    """It comes over the network, and no answer there may keep an agent from speaking."""
    for known in (SONNET, ALIAS):
        facts = ModelInfo.of(known, answer).model.facts

        assert facts.voice_thinking in {None, *facts.thinking}
        assert facts.voice_effort in {None, *facts.efforts}
