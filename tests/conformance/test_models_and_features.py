"""Models x features. The rules of the simulation are read from the documentation by themselves, so
that they do not share a mistake of our table."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import anthropic
import pytest

from resilient_claude.request.model_facts import MODELS
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.platforms import ANTHROPIC, Platform
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.turn.requests import TurnRequests
from tests.request.tools.test_definitions import book, weather
from tests.support.builders import HELLO, chat, rejected

from .sdk_types import unknown_to_the_sdk

UNDOCUMENTED = ("claude-opus-9", "claude-haiku-6-1", "my-deployment")
"""What is asked for explicitly is sent to these: the application may know more than we do."""

IDS = sorted(
    {
        *(facts.name for facts in MODELS),
        "claude-sonnet-4-20250514",
        "us.anthropic.claude-opus-5-5-v1:0",
        *UNDOCUMENTED,
    }
)

BUDGET = {"type": "enabled", "budget_tokens": 2048}
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
SHOP = {"type": "url", "name": "shop", "url": "https://shop.example/mcp"}
NAMED = {"type": "function", "function": {"name": "weather"}}

FEATURES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no defaults": {"thinking": None, "effort": None},
    "adaptive": {"thinking": {"type": "adaptive"}},
    "between tools": {"thinking": {"type": "between_tools"}},
    "disabled": {"thinking": {"type": "disabled"}},
    "enabled": {"thinking": BUDGET},
    "summarized": {"thinking": {"type": "adaptive", "display": "summarized"}},
    **{f"effort {level}": {"effort": level} for level in ("low", "medium", "high", "xhigh", "max")},
    "adaptive at max": {"thinking": {"type": "adaptive"}, "effort": "max"},
    "disabled at max": {"thinking": {"type": "disabled"}, "effort": "max"},
    "disabled at high": {"thinking": {"type": "disabled"}, "effort": "high"},
    "between tools at xhigh": {"thinking": {"type": "between_tools"}, "effort": "xhigh"},
    "between tools at high": {"thinking": {"type": "between_tools"}, "effort": "high"},
    "progress event": {"progress": "event"},
    "progress off": {"progress": "off"},
    "fast": {"speed": "fast"},
    "64,000 tokens": {"max_tokens": 64_000},
    "128,000 tokens": {"max_tokens": 128_000},
    "128,001 tokens": {"max_tokens": 128_001},
    "sampling": {"temperature": 0.2, "top_k": 5},
    "top_p": {"top_p": 0.9},
    "sampling and thinking": {"temperature": 0.2, "thinking": {"type": "adaptive"}},
    "a tool is forced": {"tool_choice": "required"},
    "one tool is forced": {"tool_choice": NAMED, "parallel_tool_calls": False},
    "one is forced, with thinking": {"tool_choice": NAMED, "thinking": {"type": "adaptive"}},
    "no tool": {"tool_choice": "none"},
    "caching": {"caching": "ephemeral"},
    "a format": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "the rest": {
        "stop_sequences": ["END"],
        "service_tier": "standard_only",
        "inference_geo": "us",
        "metadata": {"user_id": "u"},
        "betas": ["x-2026-01-01"],
        "extra_headers": {"x-team": "voice"},
    },
    "servers": {"mcp_servers": [SHOP]},
}

LATER = chat(
    ("system", "Be kind."),
    ("user", "Weather in Paris?"),
    ("assistant", "Let me look."),
    ("call", "call_1", '{"city": "Paris"}'),
    ("output", "call_1", "Sunny"),
)


SCHEMAS = ToolSchemas()


def ask(
    model: str, options: dict[str, Any], context: Any, platform: Platform = ANTHROPIC
) -> Request:
    """The request of a turn with two tools.

    Raises:
        ValueError: the model, or the platform, does not take the options.
    """
    made_of = RequestOptions.of(model=model, **options)
    requests = TurnRequests(made_of, SCHEMAS, None, platform=platform)
    requests._say = lambda adjustment: None  # type: ignore[method-assign]
    request = requests.make(context, tools=[weather, book])
    assert isinstance(request, Request)
    return request


def as_it_would_be_sent(
    model: str, options: dict[str, Any], platform: Platform = ANTHROPIC
) -> Request:
    """The request with the *options* as they are, by the way that nobody judges."""
    raw = dict(options)
    if "effort" in raw:
        raw["output_config"] = {"effort": raw.pop("effort")}
    plain = RequestOptions.of(model=model, thinking=None, effort=None)
    requests = TurnRequests(plain, SCHEMAS, None, platform=platform)
    requests._say = lambda adjustment: None  # type: ignore[method-assign]
    request = requests.make(HELLO, extra_kwargs={**raw, "betas": ["x-2026-01-01"]})
    assert isinstance(request, Request)
    return request


OF_THE_MODEL = {"thinking", "effort", "speed", "max_tokens"}
CELLS = [
    (model, feature)
    for model in IDS
    for feature, options in FEATURES.items()
    if model not in UNDOCUMENTED or not any(options.get(name) for name in OF_THE_MODEL)
]


@pytest.mark.parametrize(("model", "feature"), CELLS)
def test_a_cell_is_accepted_or_refused_at_construction(model: str, feature: str) -> None:
    """No combination is left to fail with a caller on the line, nor refused without need."""
    options = FEATURES[feature]
    try:
        requests = [ask(model, options, context) for context in (HELLO, LATER)]
    except ValueError:
        assert rejected(as_it_would_be_sent(model, options)) is not None
        return

    for request in requests:
        assert rejected(request) is None
        assert beyond_the_sdk(request) <= NEWER_THAN_THE_OLDEST_SDK


# What a body may hold that the SDK's types do not describe: the sampling arguments, which SDK 2
# sends by `extra_body`, and what came after the oldest SDK that is supported.
SAMPLING = {".temperature: unknown", ".top_k: unknown", ".top_p: unknown"}
NEWER_THAN_THE_OLDEST_SDK = (
    set()
    if hasattr(anthropic.types, "ThinkingConfigBetweenToolsParam")
    else {
        ".thinking.type: 'between_tools'",
        ".thinking.display: 'updates'",
        ".speed: unknown",
    }
)


def beyond_the_sdk(request: Request) -> set[str]:
    """What the types of the installed SDK do not describe of *request*."""
    beta = "anthropic-beta" in {name.lower() for name in request.headers}
    return {*unknown_to_the_sdk(request.body, beta=beta)} - SAMPLING


def test_the_types_are_really_looked_at() -> None:
    """A check that finds nothing proves nothing."""
    request = ask("claude-sonnet-4-6", {}, LATER)
    message = request.body["messages"][0]
    broken = request.body | {
        "messages": [*request.body["messages"], {**message, "role": "nobody"}, {"role": "user"}],
        "max_tokens": "many",
        "odd": 1,
        "thinking": {"type": "on"},
        "tools": [{"name": 3, "input_schema": {"type": "object"}}],
    }

    found = unknown_to_the_sdk(broken, beta=False)

    assert unknown_to_the_sdk(request.body, beta=False) == []
    for problem in (
        ".messages[3].role: 'nobody'",
        ".messages[4].content: missing",
        ".max_tokens: str",
        ".odd: unknown",
        ".thinking.type: 'on'",
        ".tools[0].name: int",
    ):
        assert problem in found


def test_every_argument_that_shapes_a_request_has_a_cell() -> None:
    """A new one is tried with every model, not only with that of its author."""
    tried = {name for options in FEATURES.values() for name in options}

    untried = {option.name for option in fields(RequestOptions)} - tried
    # Who is asked, the same as another one, what is on by default, and what nobody judges.
    assert untried == {"model", "model_like", "user", "strict_tool_schema", "extra_body"}
