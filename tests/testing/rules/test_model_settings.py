"""The rules for thinking, effort, speed and `max_tokens`: what the documentation rejects."""

from __future__ import annotations

from typing import Any

import pytest

from .bodies import HEADERS, body, check_refused, error_of

BUDGET = {"type": "enabled", "budget_tokens": 1024}
UPDATES = {"type": "adaptive", "display": "updates"}
FAST = "fast-mode-2026-02-01"


def asked(model: str, **changes: Any) -> dict[str, Any]:
    """A request to *model* that may be long."""
    return body(model=model, max_tokens=4096, **changes)


def effort(level: object) -> dict[str, Any]:
    """The field that asks for an effort."""
    return {"output_config": {"effort": level}}


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "adaptive_on_haiku_4_5": (
        asked("claude-haiku-4-5", thinking={"type": "adaptive"}),
        "adaptive thinking is not supported on this model",
    ),
    "enabled_on_4_8": (
        asked("claude-opus-4-8", thinking=BUDGET),
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive"',
    ),
    "enabled_on_haiku_5_5": (
        asked("claude-haiku-5-5", thinking=BUDGET),
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "disabled_on_fable_5": (
        asked("claude-fable-5", thinking={"type": "disabled"}),
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "disabled_on_mythos_preview": (
        asked("claude-mythos-preview", thinking={"type": "disabled"}),
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "disabled_above_high": (
        asked("claude-haiku-5-5", thinking={"type": "disabled"}, **effort("max")),
        "output_config.effort 'max' is not supported when thinking is disabled on this model.",
    ),
    "between_tools_above_high": (
        asked("claude-sonnet-5-5", thinking={"type": "between_tools"}, **effort("xhigh")),
        "output_config.effort 'xhigh' is not supported when thinking is between_tools on this",
    ),
    "between_tools_on_haiku_5_5": (
        asked("claude-haiku-5-5", thinking={"type": "between_tools"}),
        '"thinking.type.between_tools" is not supported for this model.',
    ),
    "a_display_of_nothing": (
        asked("claude-sonnet-5", thinking={"type": "disabled", "display": "omitted"}),
        "thinking.disabled.display: Extra inputs are not permitted",
    ),
    "updates_without_their_beta": (
        asked("claude-opus-5-5", thinking=UPDATES),
        "thinking.adaptive.display: Input should be 'summarized', 'omitted'",
    ),
    "binding_without_its_beta": (
        asked("claude-opus-5-5", thinking={"type": "adaptive", "block_binding": {}}),
        "thinking.adaptive.block_binding: Extra inputs are not permitted",
    ),
    "a_bogus_effort": (
        asked("claude-opus-5-5", **effort("extreme")),
        "output_config.effort: Input should be 'low'",
    ),
    "an_effort_that_is_no_word": (
        asked("claude-opus-5-5", **effort(3)),
        "output_config.effort: Input should be 'low'",
    ),
    "xhigh_on_4_6": (
        asked("claude-sonnet-4-6", **effort("xhigh")),
        "output_config.effort: 'xhigh' is not supported",
    ),
    "effort_on_haiku_4_5": (
        asked("claude-haiku-4-5", **effort("low")),
        "This model does not support the effort parameter.",
    ),
    "fast_on_sonnet": (asked("claude-sonnet-5-5", speed="fast"), "speed: fast mode is not"),
    "fast_without_its_beta": (asked("claude-opus-5", speed="fast"), "speed: fast mode is not"),
    "a_bogus_speed": (asked("claude-opus-5-5", speed="warp"), "speed: Input should be 'standard'"),
    "more_than_the_model_writes": (
        body(model="claude-haiku-4-5", max_tokens=64_001),
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for",
    ),
    "more_than_any_model_writes": (
        body(model="claude-opus-5-5", max_tokens=128_001),
        "max_tokens: 128001 > 128000",
    ),
}


@pytest.mark.parametrize(("value", "message"), INVALID.values(), ids=INVALID)
def test_what_a_model_rejects_is_refused(value: dict[str, Any], message: str) -> None:
    """Each is a 400 of the documentation; a lenient server would hide it until the first call."""
    check_refused(value, message)


VALID: dict[str, dict[str, Any]] = {
    "enabled_on_4_6": asked("claude-sonnet-4-6", thinking=BUDGET),
    "enabled_on_mythos_preview": asked("claude-mythos-preview", thinking=BUDGET),
    "disabled_on_4_5": asked("claude-haiku-4-5", thinking={"type": "disabled"}),
    "disabled_on_opus_5": asked("claude-opus-5", thinking={"type": "disabled"}, **effort("high")),
    "disabled_at_max_on_sonnet_5": asked(
        "claude-sonnet-5", thinking={"type": "disabled"}, **effort("max")
    ),
    "adaptive_at_max": asked("claude-sonnet-5-5", thinking={"type": "adaptive"}, **effort("max")),
    "max_on_4_6": asked("claude-sonnet-4-6", **effort("max")),
    "high_on_opus_4_5": asked("claude-opus-4-5", **effort("high")),
    "no_effort": asked("claude-haiku-4-5", output_config={"effort": None}),
    "standard_anywhere": asked("claude-haiku-4-5", speed="standard"),
    "no_speed": asked("claude-haiku-4-5", speed=None),
    "fast_on_opus_5_5": asked("claude-opus-5-5", speed="fast"),
    "anything_on_an_unknown_model": body(
        model="my-gateway", max_tokens=10**6, thinking={"type": "adaptive"}, **effort("max")
    ),
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_what_a_model_takes_is_accepted(value: dict[str, Any]) -> None:
    """A rule that is too strict would fail code that works."""
    assert error_of(value) is None


@pytest.mark.parametrize(
    ("value", "beta"),
    [
        (asked("claude-opus-5-5", thinking=UPDATES), "thinking-display-updates-2026-08-18"),
        (
            asked("claude-opus-5-5", thinking={"type": "adaptive", "block_binding": {}}),
            "thinking-binding-controls-2026-08-01",
        ),
        (asked("claude-opus-5", speed="fast"), FAST),
        (asked("claude-opus-4-8", speed="fast"), FAST),
    ],
)
def test_a_beta_header_permits_what_needs_it(value: dict[str, Any], beta: str) -> None:
    """One beta opens its own door, and no other."""
    assert error_of(value, {**HEADERS, "anthropic-beta": beta}) is None
    assert error_of(value, {**HEADERS, "anthropic-beta": "other-2026-01-01"}) is not None


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CALL = {"type": "tool_use", "id": "a", "name": "book", "input": {}}
BOOKED = {"type": "tool_result", "tool_use_id": "a", "content": "ok"}
AGAIN, BOOKED_AGAIN = {**CALL, "id": "b"}, {**BOOKED, "tool_use_id": "b"}
ASKED = {"type": "text", "text": "And?"}
BOOK = {"name": "book", "input_schema": {"type": "object"}}


def thinking_in(*contents: Any) -> dict[str, Any]:
    """A conversation of turns about, with manual thinking."""
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": each} for at, each in enumerate(contents)]
    return asked("claude-haiku-4-5", thinking=BUDGET, messages=messages, tools=[BOOK])


@pytest.mark.parametrize(
    "contents",
    [("Hi.", "So"), ("Hi.", [CALL], [BOOKED]), ("Hi.", [CALL], [BOOKED], [AGAIN])],
    ids=["a prefill", "a loop of tools", "another step"],
)
def test_manual_thinking_is_not_put_behind_what_did_not_think(contents: Any) -> None:
    """Neither behind a prefill nor within a loop of tools."""
    contents = (*contents, [BOOKED_AGAIN]) if len(contents) == 4 else contents

    check_refused(thinking_in(*contents), "Expected `thinking` or `redacted_thinking`, but found")


@pytest.mark.parametrize(
    "contents",
    [
        ("Hi.", "Hello.", "And?"),
        ("Hi.", [THOUGHT, CALL], [BOOKED]),
        ("Hi.", [CALL], [BOOKED], "Done.", "And?"),
        (
            "Hi.",
            [CALL],
            [BOOKED, {"type": "text", "text": "And?"}],
            [THOUGHT, AGAIN],
            [BOOKED_AGAIN],
        ),
    ],
)
def test_it_is_asked_for_where_an_answer_begins_or_has_begun_with_it(contents: Any) -> None:
    assert error_of(thinking_in(*contents)) is None
