"""The rules for headers and plain fields: what breaks one is refused, with the API's message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.rules.bodies import (
    CACHED,
    HEADERS,
    NEW,
    OLD_MODEL,
    RESULT,
    TOOL,
    USER,
    body,
    check_refused,
    error_of,
    text,
)

VALID: dict[str, Any] = {
    "plain": body(),
    "stream": body(stream=True),
    "a_whole_character": body(messages=[{"role": "user", "content": "\U0001f600 \\ud83d"}]),
    "cache_warming": body(max_tokens=0),
    "cache_warming_with_all_that_asks_for_no_output": body(
        max_tokens=0,
        stream=False,
        output_config={"effort": "low", "format": None},
        tools=[TOOL],
        tool_choice={"type": "auto"},
        thinking={"type": "adaptive"},
    ),
    "system_string": body(system="Be brief."),
    "system_empty": body(system=""),
    "system_blocks": body(system=[text("Be brief.", cache_control={**CACHED, "ttl": "1h"})]),
    "default_sampling_on_5_5": body(temperature=1.0, top_p=1),
    "sampling_before_4_7": body(model="claude-opus-4-6", temperature=0.2, top_k=5),
    "sampling_on_a_dated_name": body(model="claude-sonnet-4-20250514", temperature=0.2),
    "sampling_on_an_old_name": body(model="claude-3-5-haiku-20241022", temperature=0.2),
    "sampling_on_an_unknown_name": body(model="my-gateway", temperature=0.2),
    "thinking_adaptive": body(thinking={"type": "adaptive"}),
    "thinking_between_tools": body(thinking={"type": "between_tools"}),
    "thinking_disabled_on_5": body(model="claude-sonnet-5", thinking={"type": "disabled"}),
    "thinking_enabled_on_4_5": body(
        model=OLD_MODEL, max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024}
    ),
    "metadata": body(metadata={"user_id": "u"}),
    "metadata_null": body(metadata={"user_id": None}),
    "other_fields": body(
        stop_sequences=["END"], service_tier="auto", output_config={"effort": "low"}
    ),
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_a_valid_request_is_accepted(value: dict[str, Any]) -> None:
    """A rule that is too strict would fail code that works."""
    assert error_of(value) is None


NO_JSON = "The request body is not valid JSON"
INVALID: dict[str, tuple[object, str]] = {
    "no_json": (b"{", "The request body is not valid JSON"),
    "no_number": (b'{"max_tokens": NaN}', "The request body is not valid JSON: NaN is no JSON"),
    "half_a_character": (
        body(messages=[{"role": "user", "content": "\ud83d"}]),
        "The request body is not valid JSON: no low surrogate in string",
    ),
    "deep": (
        b'{"messages":' + b"[" * 500 + b"]" * 500 + b"}",
        f"{NO_JSON}: recursion limit exceed",
    ),
    "deeper": (b'{"messages":' + b"[" * 10**5 + b"]" * 10**5 + b"}", f"{NO_JSON}: recursion limit"),
    "no_object": ([], "Input should be a valid dictionary"),
    "unknown_field": (body(user="me"), "user: Extra inputs are not permitted"),
    "beta_field_without_beta": (
        body(mcp_servers=[]),
        "mcp_servers: Extra inputs are not permitted",
    ),
    "no_model": ({"max_tokens": 1, "messages": [USER]}, "model: Field required"),
    "no_messages": ({"model": "m", "max_tokens": 1}, "messages: Field required"),
    "no_max_tokens": ({"model": "m", "messages": [USER]}, "max_tokens: Field required"),
    "model_type": (body(model=1), "model: Input should be a valid string"),
    "model_empty": (body(model=""), "model: String should have at least 1 character"),
    "messages_type": (body(messages="Hi"), "messages: Input should be a valid list"),
    "max_tokens_type": (body(max_tokens="9"), "max_tokens: Input should be a valid integer"),
    "max_tokens_bool": (body(max_tokens=True), "max_tokens: Input should be a valid integer"),
    "max_tokens_negative": (
        body(max_tokens=-1),
        "max_tokens: Input should be greater than or equal",
    ),
    "cache_warming_streamed": (
        body(max_tokens=0, stream=True),
        "max_tokens: 0 is not supported with `stream`",
    ),
    "cache_warming_with_format": (
        body(
            max_tokens=0,
            output_config={"format": {"type": "json_schema", "schema": {"type": "null"}}},
        ),
        "max_tokens: 0 is not supported with `output_config.format`",
    ),
    "cache_warming_with_forced_tool": (
        body(
            model="claude-opus-5",
            max_tokens=0,
            tools=[TOOL],
            tool_choice={"type": "tool", "name": "find"},
        ),
        "max_tokens: 0 is not supported with `tool_choice`",
    ),
    "cache_warming_while_thinking": (
        body(model=OLD_MODEL, max_tokens=0, thinking={"type": "enabled", "budget_tokens": 1024}),
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    "stream_type": (body(stream="yes"), "stream: Input should be a valid boolean"),
    "service_tier": (body(service_tier="fast"), "service_tier: Input should be 'auto'"),
    "output_config_type": (body(output_config=1), "output_config: Input should be a valid object"),
    "stop_sequences_type": (
        body(stop_sequences="x"),
        "stop_sequences: Input should be a valid list",
    ),
    "stop_sequence_type": (body(stop_sequences=[1]), "stop_sequences.0: Input should be a valid"),
    "stop_sequence_blank": (body(stop_sequences=[" "]), "must contain non-whitespace"),
    "metadata_type": (body(metadata=1), "metadata: Input should be a valid object"),
    "metadata_field": (body(metadata={"a": 1}), "metadata.a: Extra inputs are not permitted"),
    "user_id_type": (
        body(metadata={"user_id": 1}),
        "metadata.user_id: Input should be a valid str",
    ),
    "user_id_length": (body(metadata={"user_id": "u" * 257}), "should have at most 256 characters"),
    "system_type": (body(system=1), "system: Input should be a valid list"),
    "system_block_type": (body(system=["a"]), "system.0: Input should be a valid object"),
    "system_no_text": (body(system=[RESULT]), "can only hold `text` blocks"),
    "system_blank": (
        body(system=[text(" ")]),
        "system: text content blocks must contain non-white",
    ),
    "temperature_from_4_7": (
        body(model="claude-opus-4-7", temperature=0.2),
        "`temperature` is deprecated for this model.",
    ),
    "temperature_on_mythos_preview": (
        body(model="claude-mythos-preview", temperature=0.2),
        "`temperature` is deprecated for this model.",
    ),
    "top_p_from_4_7": (body(top_p=0.5), "`top_p` is deprecated for this model."),
    "top_k_from_4_7": (body(top_k=5), "`top_k` is deprecated for this model."),
    "temperature_range": (body(model=OLD_MODEL, temperature=1.5), "temperature: Input is out of"),
    "temperature_type": (body(temperature="hot"), "temperature: Input should be a valid number"),
    "thinking_unknown": (
        body(thinking={"type": "on"}),
        "thinking.type: Input should be 'adaptive'",
    ),
    "thinking_disabled_on_5_5": (
        body(thinking={"type": "disabled"}),
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "thinking_between_tools_on_opus": (
        body(model="claude-opus-5-5", thinking={"type": "between_tools"}),
        '"thinking.type.between_tools" is not supported for this model.',
    ),
    "thinking_budget_small": (
        body(model=OLD_MODEL, thinking={"type": "enabled", "budget_tokens": 1}),
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    "thinking_budget_over_max_tokens": (
        body(model=OLD_MODEL, thinking={"type": "enabled", "budget_tokens": 1024}),
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
}


@pytest.mark.parametrize(("value", "message"), INVALID.values(), ids=INVALID)
def test_a_request_that_breaks_a_rule_is_refused(value: object, message: str) -> None:
    """With a 400 that says which."""
    check_refused(value, message)


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "x-api-key header is required"),
        ({**HEADERS, "x-api-key": ""}, 401, "x-api-key header is required"),
        (
            {"authorization": "Basic key", "anthropic-version": "2023-06-01"},
            401,
            "x-api-key header is required",
        ),
        (
            {"authorization": "Bearer ", "anthropic-version": "2023-06-01"},
            401,
            "x-api-key header is required",
        ),
        ({"x-api-key": "key"}, 400, "anthropic-version: header is required"),
        (
            {**HEADERS, "anthropic-version": "1"},
            400,
            'anthropic-version: "1" is not a valid version',
        ),
    ],
)
def test_headers_are_required(headers: dict[str, str], status: int, message: str) -> None:
    """A missing credential is a 401, a missing version a 400."""
    assert error_of(body(), headers) == (status, message)


def test_a_bearer_token_is_a_credential() -> None:
    """The SDK 2.x sends its key so."""
    headers = {"authorization": "Bearer key", "anthropic-version": "2026-10-21"}

    assert error_of(body(), headers) is None


def test_a_beta_header_permits_beta_fields() -> None:
    """Which field belongs to which beta is not our business."""
    headers = {**HEADERS, "anthropic-beta": "mcp-client-2025-11-20"}

    assert error_of(body(mcp_servers=[]), headers) is None


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
@pytest.mark.parametrize("model", [OLD_MODEL, "claude-sonnet-5-5"])
def test_the_version_of_2026_takes_no_sampling_from_any_model(name: str, model: str) -> None:
    """Not even the defaults."""
    found = error_of(body(model=model, **{name: 1}), NEW)

    assert found == (400, f"{name}: Extra inputs are not permitted")
