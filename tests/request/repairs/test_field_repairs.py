"""Settings that are rejected: what is sent instead, and what else stays as it was."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.repairs.rejections import cause_of
from resilient_claude.request.request import Request
from tests.request.repairs.test_rejections import SAID
from tests.request.tools.test_definitions import book, weather
from tests.support.builders import NEWEST, PREFILL, SAMPLING, build

ADAPTIVE = {"type": "adaptive"}
MANUAL = {"type": "enabled", "budget_tokens": 1024}
OPUS = "claude-opus-4-8"


def mended(request: Request, message: str, code: str | None = None) -> tuple[Request, str]:
    """What *request* becomes after *message*, and the line about it."""
    cause = cause_of(request, ApiError("invalid_request_error", message, code))
    assert cause is not None
    before = request.content()
    made = cause.mend(request)
    assert made is not None
    assert request.content() == before
    assert cause.mend(made[0]) is None  # it has no such part any more
    return made[0], f"{made[1].argument} {made[1].reason}"


def changes(request: Request, made: Request) -> dict[str, Any]:
    """The fields of the body that are others now; None for those that are gone."""
    names = request.body.keys() | made.body.keys()
    after = {name: made.body.get(name) for name in names}
    return {name: value for name, value in after.items() if request.body.get(name) != value}


@pytest.mark.parametrize(
    ("options", "message", "left", "told"),
    [
        ({"temperature": 0.5}, SAID["SAMPLING"][0], {"temperature": None}, "temperature"),
        ({"top_p": 0.9, "top_k": 5}, "top_k: Extra inputs", {"top_k": None}, "top_k"),
        (
            {"extra": {"temperature": 0.5, "top_p": 0.9}},
            SAID["SAMPLING"][2],
            {"top_p": None},
            "top_p",
        ),
        ({"extra": {"extra_body": {"top_k": 3}}}, SAID["SAMPLING"][6], {"top_k": None}, "top_k"),
    ],
)
def test_the_sampling_that_is_named_goes(
    options: dict[str, Any], message: str, left: dict[str, Any], told: str
) -> None:
    """Of two that do not go together, the temperature is what is asked for most."""
    request = build(model=SAMPLING, **options)

    made, line = mended(request, message)

    assert changes(request, made) == left
    assert line == f"{told} not sent: the API rejects it for model {SAMPLING}"


def test_another_value_is_asked_for_again() -> None:
    """It may be taken; `update_options` is not overruled by what was before."""
    cause = cause_of(build(temperature=0.5), ApiError(message=SAID["SAMPLING"][0]))
    assert cause is not None

    assert cause.mend(build(temperature=0.7)) is None
    assert cause.mend(build(temperature=0.5, top_k=3)) is None
    assert cause.mend(build()) is None


@pytest.mark.parametrize(
    ("model", "options", "message", "left", "told"),
    [
        (
            PREFILL,
            {"thinking": MANUAL, "max_tokens": 2048},
            SAID["THINKING"][0],
            {"thinking": ADAPTIVE},
            "sent as \"adaptive\": the API rejects the type 'enabled' for model",
        ),
        (
            "claude-sonnet-5",
            {},
            SAID["THINKING"][1],
            {"thinking": None},
            "not sent: the API rejects the type 'disabled' for model",
        ),
        (
            OPUS,
            {"thinking": ADAPTIVE},
            SAID["THINKING"][2],
            {"thinking": None},
            "not sent: the API rejects the type 'adaptive' for model",
        ),
        (
            NEWEST,
            {},
            SAID["THINKING"][5],
            {"thinking": ADAPTIVE},
            "sent without display: the API rejects it for model",
        ),
    ],
)
def test_thinking_is_sent_as_near_to_it_as_is_said(
    model: str, options: dict[str, Any], message: str, left: dict[str, Any], told: str
) -> None:
    """Where nothing is said, the model does what it does by itself."""
    request = build(model=model, **options)

    made, line = mended(request, message)

    assert changes(request, made) == left
    assert line == f"thinking {told} {model}"


def test_thinking_of_no_known_shape_is_left_alone() -> None:
    """It is the application's own, and what is wrong with it is told."""
    request = build(model=OPUS, extra={"thinking": "hard"})

    assert cause_of(request, ApiError(message=SAID["THINKING"][3])) is None


@pytest.mark.parametrize(
    ("config", "left"),
    [({"effort": "low"}, None), ({"effort": "low", "format": {}}, {"format": {}})],
)
def test_effort_goes_alone(config: dict[str, Any], left: dict[str, Any] | None) -> None:
    """The format of the answer stands beside it."""
    request = build(model="claude-opus-4-6", extra={"output_config": config})

    made, line = mended(request, SAID["EFFORT"][0])

    assert changes(request, made) == {"output_config": left}
    assert line == "effort not sent: the API rejects it for model claude-opus-4-6"


def test_the_field_is_told_by_a_code_where_the_words_are_new() -> None:
    """A gateway's words are its own."""
    request = build(model="claude-opus-4-6", effort="max")

    made, _ = mended(request, "try less", "invalid_reasoning_effort")

    assert "output_config" not in made.body


def test_a_forced_tool_is_left_to_claude() -> None:
    """Whether it may call several at once is another matter."""
    request = build(tools=[weather, book], tool_choice="required", parallel_tool_calls=False)

    made, line = mended(request, SAID["FORCED_TOOL"][0])

    assert changes(request, made) == {
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}
    }
    assert (
        line
        == f"tool_choice sent as auto: the API rejects a forced tool choice for model {SAMPLING}"
    )
    assert cause_of(made, ApiError(message=SAID["FORCED_TOOL"][0])) is None


def test_strict_tools_are_loosened_together() -> None:
    """Those that are too complex together: other tools are strict all the same."""
    request = build(tools=[weather, book])

    made, line = mended(request, SAID["STRICT_TOOLS"][0])

    assert [tool.get("strict") for tool in made.body["tools"]] == [None, None]
    assert line == (
        "strict_tool_schema not sent: the API could not compile the schemas for model " + SAMPLING
    )
    cause = cause_of(request, ApiError(message=SAID["STRICT_TOOLS"][0]))
    assert cause is not None
    assert cause.mend(build(tools=[book])) is None


# --- betas ----------------------------------------------------------------------------------------


def unexpected(*names: str) -> str:
    """What the API says of betas that it does not know."""
    listed = ", ".join(f"`{name}`" for name in names)
    return f"Unexpected value(s) {listed} for the `anthropic-beta` header. Please consult"


def test_the_beta_that_is_named_goes() -> None:
    """The others are needed."""
    request = build(betas=["a-2026-01-01", "b-2026-01-01"], extra_headers={"x-own": "1"})

    made, line = mended(request, unexpected("b-2026-01-01"))

    assert made.headers == {"x-own": "1", "anthropic-beta": "a-2026-01-01"}
    assert made.query == request.query
    assert made.body == request.body
    assert line == "betas sent without b-2026-01-01: the API does not know it"


def test_of_betas_none_of_which_is_named_all_go() -> None:
    """Bedrock does not say which."""
    request = build(extra_headers={"Anthropic-Beta": "a-1, b-2"})

    made, line = mended(request, "invalid beta flag")

    assert made.headers == {}
    assert made.query == {}
    assert line.startswith("betas sent without a-1, b-2:")


SHOP = {"type": "url", "url": "https://shop.example/mcp", "name": "shop"}


@pytest.mark.parametrize(
    ("model", "options", "beta", "left"),
    [
        (NEWEST, {}, "thinking-display-updates-2026-08-18", {"thinking": ADAPTIVE}),
        (
            NEWEST,
            {
                "thinking": {"type": "adaptive", "block_binding": {"x": 1}, "display": "omitted"},
                "betas": ["thinking-binding-controls-2026-08-01"],
            },
            "thinking-binding-controls-2026-08-01",
            {"thinking": {"type": "adaptive", "display": "omitted"}},
        ),
        ("claude-opus-5", {"speed": "fast"}, "fast-mode-2026-02-01", {"speed": None}),
        (
            SAMPLING,
            {"mcp_servers": [SHOP], "extra": {"tool_choice": {"type": "auto"}}},
            "mcp-client-2025-11-20",
            {"mcp_servers": None, "tools": None, "tool_choice": None},
        ),
    ],
)
def test_what_only_a_beta_allows_goes_with_it(
    model: str, options: dict[str, Any], beta: str, left: dict[str, Any]
) -> None:
    """It would be the next to be rejected."""
    request = build(model=model, **options)

    made, _ = mended(request, unexpected(beta))

    assert changes(request, made) == left
    assert made.headers == {}


def test_tools_of_the_agent_s_own_stay_without_the_beta_of_servers() -> None:
    """Their toolset is one of several."""
    request = build(mcp_servers=[SHOP], tools=[weather])

    made, _ = mended(request, unexpected("mcp-client-2025-11-20"))

    assert [tool["name"] for tool in made.body["tools"]] == ["weather"]
