"""What the options come to for one model: defaults, arguments, `extra_kwargs`, in this order."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.extra import NOTHING, Extra
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.model_info import ModelInfo
from resilient_claude.request.models import Model
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.platforms import BEDROCK
from resilient_claude.request.request import Adjustment
from tests.support.builders import HELLO, build, rejected

UPDATES = "thinking-display-updates-2026-08-18"
OFF, SPARSE, ADAPTIVE = {"type": "disabled"}, {"type": "between_tools"}, {"type": "adaptive"}
SHOWN = {"type": "adaptive", "display": "updates"}
LOW = {"effort": "low"}
SHOP = {"type": "url", "name": "shop", "url": "https://shop.example/mcp"}

# Of each model: thinking, output_config, max_tokens, betas.
DEFAULTS: list[tuple[str, Any, Any, int, tuple[str, ...]]] = [
    ("claude-haiku-4-5", None, None, 1024, ()),
    ("claude-sonnet-4-5", None, None, 1024, ()),
    ("claude-sonnet-4-6", None, None, 1024, ()),
    ("claude-opus-4-8", None, None, 1024, ()),
    ("claude-sonnet-5", OFF, LOW, 1024, ()),
    ("claude-haiku-5-5", OFF, LOW, 1024, ()),
    ("claude-opus-5", None, LOW, 8192, ()),
    ("claude-sonnet-5-5", SPARSE, LOW, 1024, ()),
    ("claude-opus-5-5", SHOWN, LOW, 8192, (UPDATES,)),
    ("claude-fable-5", SHOWN, LOW, 8192, (UPDATES,)),
    ("claude-mythos-5-2", SHOWN, LOW, 8192, (UPDATES,)),
    ("claude-haiku-7", SHOWN, LOW, 8192, (UPDATES,)),
    ("claude-mythos-preview", ADAPTIVE, LOW, 8192, ()),
    ("my-deployment", None, None, 8192, ()),
]


def fields(model: str, **options: Any) -> FixedFields:
    return FixedFields.of(RequestOptions(model=model, **options))


@pytest.mark.parametrize(("model", "thinking", "config", "max_tokens", "betas"), DEFAULTS)
def test_what_a_voice_asks_for_by_default(
    model: str, thinking: Any, config: Any, max_tokens: int, betas: tuple[str, ...]
) -> None:
    """The first word comes early, and what is sent is what the model takes."""
    fixed = fields(model)

    body = fixed.body
    assert (body.get("thinking"), body.get("output_config")) == (thinking, config)
    assert (body["max_tokens"], fixed.betas) == (max_tokens, betas)
    assert rejected(build(HELLO, model=model)) is None


def test_what_models_up_to_4_8_are_sent_is_what_they_always_were() -> None:
    """Nobody who updates hears a difference."""
    assert fields("claude-sonnet-4-6").body == {
        "model": "claude-sonnet-4-6",
        "max_tokens": 1024,
        "stream": True,
    }


def test_none_sends_nothing() -> None:
    """The way out of every default."""
    body = fields("claude-sonnet-5-5", thinking=None, effort=None).body

    assert not {"thinking", "output_config"} & body.keys()
    assert body["max_tokens"] == 8192  # for now it thinks


@pytest.mark.parametrize(
    ("model", "options", "thinking"),
    [
        ("claude-opus-5-5", {"progress": "off"}, ADAPTIVE),
        ("claude-opus-5-5", {"progress": "event"}, SHOWN),
        ("claude-opus-5-5", {"thinking": ADAPTIVE}, SHOWN),
        (
            "claude-opus-5-5",
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            {"type": "adaptive", "display": "omitted"},
        ),
        ("claude-sonnet-4-6", {"thinking": ADAPTIVE}, ADAPTIVE),
        ("claude-sonnet-5-5", {"effort": "max"}, SHOWN),
        ("claude-haiku-5-5", {"output_config": {"effort": "xhigh"}}, ADAPTIVE),
        ("claude-sonnet-5", {"effort": "max"}, OFF),
    ],
)
def test_thinking_goes_with_the_other_arguments(
    model: str, options: dict[str, Any], thinking: dict[str, Any]
) -> None:
    """A default that contradicts what was asked for gives way to it."""
    fixed = fields(model, **options)

    assert fixed.body["thinking"] == thinking
    assert (UPDATES in fixed.betas) == (thinking.get("display") == "updates")
    assert rejected(build(HELLO, model=model, **options)) is None


def test_elsewhere_than_at_anthropics_own_api_notes_come_among_summaries() -> None:
    """The clouds do not have the beta, and would refuse the request for it."""
    fixed = FixedFields.of(RequestOptions(model="claude-opus-5-5"), platform=BEDROCK)

    assert fixed.body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert fixed.betas == ()


@pytest.mark.parametrize(
    ("options", "extra", "max_tokens"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {}, 10_192),
        ({"max_tokens": 300}, {}, 300),
        ({"max_tokens": 300}, {"max_tokens": 200}, 200),
        ({}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, 9216),
        ({}, {"thinking": {"type": "adaptive"}}, 8192),
        ({}, {"thinking": {"type": "disabled"}}, 1024),
        ({"thinking": ADAPTIVE}, {"thinking": {"type": "disabled"}}, 1024),
        ({}, {"thinking": {"type": "enabled", "budget_tokens": 10**6}}, 64_000),
        ({}, {"thinking": {"type": "enabled", "budget_tokens": "many"}}, 8192),
        ({}, {"thinking": "yes"}, 8192),
    ],
)
def test_there_is_room_for_thinking_and_for_an_answer(
    options: dict[str, Any], extra: dict[str, Any], max_tokens: int
) -> None:
    """The limit counts both, and an answer that was cut to nothing is silence."""
    thinking = options.get("thinking", {})
    model = "claude-sonnet-4-6" if thinking.get("type") == "adaptive" else "claude-sonnet-4-5"

    fixed = fields(model, **options).with_extra(Extra.of(extra))

    assert fixed.body["max_tokens"] == max_tokens


# --- who wins -------------------------------------------------------------------------------------


def test_extra_kwargs_win_field_by_field() -> None:
    """One field of one turn is another; everything else stays what the constructor made it."""
    constructor = fields(
        "claude-sonnet-5-5",
        output_config={"format": {"type": "json_schema", "schema": {}}},
        user="a",
        stop_sequences=["END"],
        betas=["x-1"],
        extra_body={"container": "c1", "diagnostics": {}},
        extra_headers={"X-Team": "voice", "X-Other": "1"},
    )
    extra = Extra.of(
        {
            "output_config": {"effort": "high"},
            "metadata": {"user_id": "b"},
            "stop_sequences": ["STOP"],
            "betas": ["y-2", "x-1"],
            "extra_body": {"container": "c2"},
            "extra_headers": {"x-team": "text"},
        }
    )

    fixed = constructor.with_extra(extra)

    assert fixed.body == {
        "model": "claude-sonnet-5-5",
        "stream": True,
        "max_tokens": 1024,
        "thinking": SPARSE,
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {}}},
        "metadata": {"user_id": "b"},
        "stop_sequences": ["STOP"],
        "container": "c2",
        "diagnostics": {},
    }
    assert fixed.betas == ("x-1", "y-2")
    assert fixed.headers == {"X-Other": "1", "x-team": "text"}


def test_without_extra_kwargs_nothing_is_computed_again() -> None:
    """It would be, in every turn."""
    fixed = fields("claude-opus-5-5")

    assert fixed.with_extra(NOTHING) is fixed
    assert fixed.with_extra(Extra.of({})) is fixed


def test_another_model_for_one_turn_gets_its_own_defaults() -> None:
    """What the constructor's asks for may be a 400 at the other."""
    extra = Extra.of({"model": "claude-haiku-4-5"})

    fixed = fields("claude-opus-5-5", effort="max", max_tokens=100_000).with_extra(extra)

    assert fixed.body == {"model": "claude-haiku-4-5", "stream": True, "max_tokens": 1024}
    assert fixed.model.id == "claude-haiku-4-5"
    assert fixed.adjustments == (
        Adjustment(
            "max_tokens",
            "not sent: it must be <= 64000 for model claude-haiku-4-5, got 100000",
        ),
        Adjustment(
            "effort",
            "not sent: it must be left out for model claude-haiku-4-5, which knows no effort, "
            'got "max"',
        ),
    )


@pytest.mark.parametrize("held", [None, "yes", 3])
def test_what_is_no_object_is_sent_as_it_is(held: Any) -> None:
    """Nothing in `extra_kwargs` is judged, and nothing in it may break a turn here."""
    extra = Extra.of({"extra_body": {"output_config": held, "thinking": held}})

    fixed = fields("claude-opus-5-5").with_extra(extra)

    assert (fixed.body["output_config"], fixed.body["thinking"]) == (held, held)


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"])
def test_the_default_of_thinking_stands_beside_an_output_config_that_is_no_object(
    model: str,
) -> None:
    """Its effort, which decides on thinking by default, cannot be read: that is no crash."""
    fixed = fields(model).with_extra(Extra.of({"output_config": "low"}))

    assert fixed.body["output_config"] == "low"
    assert fixed.body["thinking"]["type"] == fields(model).body["thinking"]["type"]


# --- what else is sent ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "betas"),
    [("claude-opus-4-8", ("fast-mode-2026-02-01",)), ("claude-opus-5-5", (UPDATES,))],
)
def test_fast_mode_brings_the_beta_that_it_needs(model: str, betas: tuple[str, ...]) -> None:
    """Some models have it for all, some for those who ask with a header."""
    fixed = fields(model, speed="fast")

    assert (fixed.body["speed"], fixed.betas) == ("fast", betas)
    assert rejected(build(HELLO, model=model, speed="fast")) is None


def test_a_server_brings_its_toolset_and_its_beta() -> None:
    """Without one its tools are not offered, without the other the field is a 400."""
    request = build(HELLO, mcp_servers=[SHOP])

    assert request.body["mcp_servers"] == [SHOP]
    assert request.body["tools"] == [{"type": "mcp_toolset", "mcp_server_name": "shop"}]
    assert request.headers == {"anthropic-beta": "mcp-client-2025-11-20"}
    assert rejected(request) is None


def test_another_version_of_the_beta_is_the_applications_to_name() -> None:
    """Two of one feature would be a contradiction."""
    fixed = fields("claude-sonnet-4-6", mcp_servers=[SHOP], betas=["mcp-client-2026-09-15"])

    assert fixed.betas == ("mcp-client-2026-09-15",)


def test_betas_come_beside_an_own_header_for_them() -> None:
    """An application that sets the header itself means it; what we need is not taken away."""
    headers = {"Anthropic-Beta": "own-1"}

    request = build(HELLO, model="claude-opus-5-5", extra_headers=headers)

    assert request.headers == {"Anthropic-Beta": f"own-1,{UPDATES}"}


def test_an_id_that_says_nothing_is_told_of_once_more_than_it_is_guessed() -> None:
    """What is behind an ARN may be anything; one line names the way to say it."""
    (adjustment,) = fields(
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"
    ).adjustments

    assert adjustment.argument == "model"
    assert 'model_like="claude-haiku-4-5"' in adjustment.reason
    assert fields("my-deployment", thinking=None).adjustments == ()
    assert fields("my-deployment", model_like="claude-sonnet-5-5").adjustments == ()


def test_model_like_is_whose_rules_hold() -> None:
    """And the id that is sent is the application's."""
    fixed = fields("my-deployment", model_like="claude-sonnet-5-5")

    assert (fixed.body["model"], fixed.body["thinking"]) == ("my-deployment", SPARSE)
    assert not fixed.model.accepts_forced_tool_choice


def test_what_the_api_has_learned_us_is_left_out_with_a_line() -> None:
    """It was right by the table; the turn goes on without it."""
    model = Model.parse("claude-sonnet-5-5")
    told = {"capabilities": {"effort": {"max": {"supported": False}}}}
    learned = ModelInfo.of(model, told).model

    fixed = FixedFields.of(RequestOptions(model=model.id, effort="max"), learned)

    assert fixed.body["output_config"] == LOW
    (adjustment,) = fixed.adjustments
    assert adjustment.argument == "effort"
    assert adjustment.reason.startswith("not sent: it must be ")


# --- notes --------------------------------------------------------------------------------------

SUMMARIES = {"type": "adaptive", "display": "summarized"}
WITH_BUDGET = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("model", "asked", "notes"),
    [
        ("claude-sonnet-5-5", {}, "speak"),
        ("claude-sonnet-5-5", {"progress": "event"}, "event"),
        ("claude-sonnet-5-5", {"progress": "off"}, "off"),
        ("claude-sonnet-5-5", {"effort": "max"}, "speak"),
        ("claude-sonnet-5-5", {"thinking": None}, "off"),
        ("claude-sonnet-5-5", {"thinking": SUMMARIES}, "event"),
        ("claude-sonnet-5-5", {"thinking": SUMMARIES, "progress": "off"}, "off"),
        ("claude-opus-5-5", {}, "speak"),
        ("claude-opus-5-5", {"progress": "event"}, "event"),
        ("claude-fable-5", {"progress": "off"}, "off"),
        ("claude-haiku-5-5", {}, "off"),
        ("claude-opus-5", {"thinking": SUMMARIES}, "off"),
        ("claude-sonnet-4-6", {"thinking": WITH_BUDGET, "max_tokens": 2048}, "off"),
        ("my-deployment", {"thinking": {"type": "between_tools"}}, "speak"),
    ],
)
def test_notes_are_spoken_where_nothing_else_is_shown(
    model: str, asked: dict[str, Any], notes: str
) -> None:
    """What Claude thinks is no speech, and summaries have both."""
    assert fields(model, **asked).notes == notes
    assert build(HELLO, model=model, **asked).notes == notes


@pytest.mark.parametrize(
    ("model", "notes"), [("claude-opus-5-5", "event"), ("claude-sonnet-5-5", "speak")]
)
def test_elsewhere_notes_come_among_summaries(model: str, notes: str) -> None:
    """What shows them alone is a beta of Anthropic's own API, or a type of thinking."""
    options = RequestOptions(model=model)

    assert FixedFields.of(options, platform=BEDROCK).notes == notes


def test_the_thinking_of_one_turn_decides_on_its_notes() -> None:
    """`extra_kwargs` may ask for another one."""
    assert build(HELLO, model="claude-opus-5-5", extra={"thinking": SUMMARIES}).notes == "event"
    assert build(HELLO, model="claude-opus-5-5", extra={"thinking": ["odd"]}).notes == "off"
