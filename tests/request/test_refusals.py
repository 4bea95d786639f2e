"""What a model does not take is refused at construction, with what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude import ResilientClaudeLLM
from resilient_claude.request.models import Model
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.refusals import refusals
from tests.support.adapters import KEY

BUDGET = {"type": "enabled", "budget_tokens": 1024}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "claude-haiku-4-5",
        {"thinking": {"type": "adaptive"}},
        'thinking must be of the type "disabled" or "enabled" for model claude-haiku-4-5, '
        'got "adaptive"',
    ),
    (
        "claude-opus-5-5",
        {"thinking": {"type": "disabled"}},
        'thinking must be of the type "adaptive" for model claude-opus-5-5, got "disabled"',
    ),
    (
        "claude-opus-4-8",
        {"thinking": BUDGET},
        'thinking must be of the type "adaptive" or "disabled" for model claude-opus-4-8, '
        'got "enabled"',
    ),
    (
        "claude-sonnet-5-5",
        {"thinking": {"type": "between_tools"}, "effort": "max"},
        'thinking of the type "between_tools" must go with an effort of "low", "medium" or "high" '
        'for model claude-sonnet-5-5, got "max"',
    ),
    (
        "claude-haiku-5-5",
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}},
        'thinking of the type "disabled" must go with an effort of "low", "medium" or "high" '
        'for model claude-haiku-5-5, got "xhigh"',
    ),
    (
        "claude-sonnet-4-6",
        {"effort": "xhigh"},
        'effort must be "low", "medium", "high" or "max" for model claude-sonnet-4-6, got "xhigh"',
    ),
    (
        "claude-haiku-4-5",
        {"output_config": {"effort": "low"}},
        "output_config must be left out for model claude-haiku-4-5, which knows no effort, "
        'got "low"',
    ),
    (
        "claude-sonnet-5-5",
        {"speed": "fast"},
        'speed must be "standard" for model claude-sonnet-5-5, which has no fast mode, got "fast"',
    ),
    (
        "claude-haiku-4-5",
        {"max_tokens": 64_001},
        "max_tokens must be <= 64000 for model claude-haiku-4-5, got 64001",
    ),
    (
        "claude-sonnet-4-5",
        {"thinking": BUDGET, "max_tokens": 1024},
        "thinking must have budget_tokens below max_tokens, got 1024 >= 1024",
    ),
    (
        "claude-haiku-4-5",
        {"temperature": 0.5, "top_p": 0.9},
        "top_p must not go with temperature: model claude-haiku-4-5 takes one of the two",
    ),
]


@pytest.mark.parametrize(("model", "arguments", "message"), REFUSED)
def test_what_the_model_rejects_is_an_error_that_says_what_it_takes(
    model: str, arguments: dict[str, Any], message: str
) -> None:
    """At construction: otherwise it is a 400 on every turn, with a caller on the line."""
    with pytest.raises(ValueError, match=r".") as caught:
        ResilientClaudeLLM(model=model, api_key=KEY, **arguments)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("claude-haiku-4-5", {"thinking": BUDGET}),
        ("claude-haiku-4-5", {"thinking": None, "effort": None}),
        ("claude-haiku-4-5", {"temperature": 0.5}),
        ("claude-sonnet-5", {"thinking": {"type": "disabled"}, "effort": "max"}),
        ("claude-opus-5", {"thinking": {"type": "disabled"}, "effort": "high"}),
        ("claude-sonnet-5-5", {"effort": "max"}),
        ("claude-opus-5-5", {"speed": "fast", "max_tokens": 128_000}),
        ("claude-opus-9", {"thinking": {"type": "disabled"}, "effort": "max", "speed": "fast"}),
        ("my-deployment", {"thinking": BUDGET, "effort": "low"}),
    ],
)
def test_what_it_takes_or_may_take_is_none(model: str, arguments: dict[str, Any]) -> None:
    """Of a model that is not documented, the application knows more than we do."""
    options = RequestOptions(model=model, **arguments)

    assert refusals(options, Model.parse(model).facts, model) == {}
