"""One test per rule of the Messages API: what breaks it is refused, with the API's message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_claude.testing.rules.request import validate

HEADERS = {"x-api-key": "key", "anthropic-version": "2023-06-01"}
NEW = {**HEADERS, "anthropic-version": "2026-10-21"}
OLD_MODEL = "claude-sonnet-4-5"
USER = {"role": "user", "content": "Hello."}
TOOL = {"name": "find", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Paris"}
CACHED = {"type": "ephemeral"}


def body(**changes: Any) -> dict[str, Any]:
    """A valid body with *changes*."""
    return {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [USER], **changes}


def error_of(value: object, headers: dict[str, str] | None = None) -> tuple[int, str] | None:
    """The status and message for a body, or None."""
    raw_body = value if isinstance(value, bytes) else json.dumps(value).encode()
    error = validate(HEADERS if headers is None else headers, raw_body)
    return None if error is None else (error.status, error.message)


def said(*blocks: Any, role: str = "user") -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": list(blocks)}


def text(words: str, **changes: Any) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": words, **changes}


def history(*messages: Any, **changes: Any) -> dict[str, Any]:
    """A body with a tool and *messages*."""
    return body(messages=list(messages), tools=[TOOL], **changes)


def called(*more: Any) -> dict[str, Any]:
    """An assistant's message with a tool call."""
    return said(CALL, *more, role="assistant")


VALID: dict[str, Any] = {
    "plain": body(),
    "stream": body(stream=True),
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
    "user_twice": body(messages=[USER, USER]),
    "tool_round": history(USER, called(), said(RESULT, text("And now?"))),
    "tool_results_in_two_messages": history(
        USER,
        said(CALL, {**CALL, "id": "toolu_2"}, role="assistant"),
        said(RESULT),
        said({**RESULT, "tool_use_id": "toolu_2"}),
    ),
    "tool_result_without_content": history(
        USER, called(), said({"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True})
    ),
    "tool_result_with_blocks": history(USER, called(), said({**RESULT, "content": [text("x")]})),
    "tool_reference": history(
        USER,
        called(),
        said({**RESULT, "content": [{"type": "tool_reference", "tool_name": "find"}]}),
    ),
    "server_tool": body(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    "server_tool_blocks": body(
        messages=[
            USER,
            said({"type": "server_tool_use", "id": "s", "name": "web_search"}, role="assistant"),
        ]
    ),
    "thinking_block": body(
        messages=[
            USER,
            said({"type": "thinking", "thinking": "", "signature": "s"}, role="assistant"),
            USER,
        ]
    ),
    "image": body(
        messages=[
            said(
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
                }
            )
        ]
    ),
    "image_url": body(
        messages=[said({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}})]
    ),
    "tool_choice_none": body(tools=[TOOL], tool_choice={"type": "none"}),
    "tool_choice_auto": body(
        tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True}
    ),
    "tool_choice_forced_on_opus_5": body(
        model="claude-opus-5", tools=[TOOL], tool_choice={"type": "tool", "name": "find"}
    ),
    "tool_choice_any_on_haiku_5_5": body(
        model="claude-haiku-5-5", tools=[TOOL], tool_choice={"type": "any"}
    ),
    "prefill_before_4_6": body(
        model=OLD_MODEL, messages=[USER, {"role": "assistant", "content": "The answer"}]
    ),
    "prefill_empty_before_4_6": body(
        model=OLD_MODEL, messages=[USER, {"role": "assistant", "content": []}]
    ),
    "system_message": body(messages=[USER, {"role": "system", "content": "Be brief."}]),
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
    "four_breakpoints": body(
        cache_control=CACHED,
        tools=[{**TOOL, "cache_control": CACHED}],
        system=[text("a", cache_control=CACHED)],
        messages=[said(text("b", cache_control=CACHED))],
    ),
    "one_hour_before_five_minutes": body(
        system=[text("a", cache_control={**CACHED, "ttl": "1h"})],
        messages=[said(text("b", cache_control=CACHED))],
    ),
    "breakpoint_null": body(messages=[said(text("b", cache_control=None))]),
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


BAD_IMAGE = {"type": "base64", "media_type": "image/tiff", "data": "x"}
INVALID: dict[str, tuple[object, str]] = {
    # The body
    "no_json": (b"{", "The request body is not valid JSON"),
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
        body(max_tokens=0, output_config={"format": {"type": "json_schema", "schema": {}}}),
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
    # System
    "system_type": (body(system=1), "system: Input should be a valid list"),
    "system_block_type": (body(system=["a"]), "system.0: Input should be a valid object"),
    "system_no_text": (body(system=[RESULT]), "can only hold `text` blocks"),
    "system_blank": (
        body(system=[text(" ")]),
        "system: text content blocks must contain non-white",
    ),
    # Messages
    "messages_empty": (body(messages=[]), "messages: at least one message is required"),
    "messages_many": (body(messages=[0] * 100_001), "at most 100000 messages"),
    "message_type": (body(messages=["Hi"]), "messages.0: Input should be a valid object"),
    "role_missing": (body(messages=[{"content": "Hi"}]), "messages.0.role: Field required"),
    "role_unknown": (
        body(messages=[{"role": "tool", "content": "Hi"}]),
        "messages.0.role: Input should be 'user', 'assistant'",
    ),
    "content_missing": (body(messages=[{"role": "user"}]), "messages.0.content: Field required"),
    "content_type": (
        body(messages=[{"role": "user", "content": 1}]),
        "messages.0.content: Input should be a valid list",
    ),
    "message_field": (
        body(messages=[{**USER, "name": "me"}]),
        "messages.0.name: Extra inputs are not permitted",
    ),
    "content_empty_string": (
        body(messages=[{"role": "user", "content": ""}]),
        "messages.0: all messages must have non-empty content",
    ),
    "content_empty_list": (body(messages=[said()]), "messages.0: all messages must have non-empty"),
    "assistant_empty_within": (
        body(messages=[USER, {"role": "assistant", "content": ""}, USER]),
        "messages.1: all messages must have non-empty content",
    ),
    "first_is_assistant": (
        body(messages=[{"role": "assistant", "content": "Hi"}, USER]),
        'first message must use the "user" role',
    ),
    "content_blank": (
        body(messages=[{"role": "user", "content": " \n"}]),
        "text content blocks must contain non-whitespace text",
    ),
    "text_empty": (body(messages=[said(text(""))]), "text content blocks must be non-empty"),
    "text_blank": (body(messages=[said(text(" "))]), "must contain non-whitespace text"),
    "system_message_early_model": (
        body(model="claude-sonnet-5", messages=[USER, {"role": "system", "content": "Hi"}]),
        "messages.1: role 'system' is not supported on this model",
    ),
    "system_message_place": (
        body(
            messages=[
                USER,
                {"role": "assistant", "content": "Hi"},
                {"role": "system", "content": "Hi"},
            ]
        ),
        "messages.2: role 'system' must come immediately after a user turn",
    ),
    # Blocks
    "block_type": (
        body(messages=[said("Hi")]),
        "messages.0.content.0: Input should be a valid obj",
    ),
    "block_untyped": (body(messages=[said({})]), "messages.0.content.0.type: Field required"),
    "block_unknown": (
        body(messages=[said({"type": "audio"})]),
        "messages.0.content.0: Input tag 'audio' found using 'type' does not match",
    ),
    "block_field_missing": (
        body(messages=[said({"type": "text"})]),
        "messages.0.content.0.text.text: Field required",
    ),
    "block_field_type": (
        body(messages=[said({"type": "text", "text": 1})]),
        "messages.0.content.0.text.text: Input should be a valid string",
    ),
    "block_field_unknown": (
        body(messages=[said(text("Hi", id="x"))]),
        "messages.0.content.0.text.id: Extra inputs are not permitted",
    ),
    "thinking_is_not_cacheable": (
        body(
            messages=[
                USER,
                said(
                    {"type": "thinking", "thinking": "", "signature": "", "cache_control": CACHED},
                    role="assistant",
                ),
                USER,
            ]
        ),
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    "call_by_user": (
        history(said(CALL)),
        "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
    ),
    "result_by_assistant": (
        history(USER, said(RESULT, role="assistant"), USER),
        "messages.1.content.0: `tool_result` blocks can only be in `user` messages",
    ),
    "call_id_pattern": (
        history(USER, said({**CALL, "id": "a b"}, role="assistant"), USER),
        "messages.1.content.0.tool_use.id: String should match pattern",
    ),
    "call_input_type": (
        history(USER, said({**CALL, "input": "{}"}, role="assistant"), USER),
        "messages.1.content.0.tool_use.input: Input should be a valid object",
    ),
    "result_is_error_type": (
        history(USER, called(), said({**RESULT, "is_error": "no"})),
        "tool_result.is_error: Input should be a valid boolean",
    ),
    "result_content_type": (
        history(USER, called(), said({**RESULT, "content": 1})),
        "tool_result.content: Input should be a valid list",
    ),
    "result_content_block": (
        history(USER, called(), said({**RESULT, "content": [CALL]})),
        "tool_result.content.0.type: Input should be 'text'",
    ),
    "result_content_text_empty": (
        history(USER, called(), said({**RESULT, "content": [text("")]})),
        "messages: text content blocks must be non-empty",
    ),
    "image_source_type": (
        body(messages=[said({"type": "image", "source": {"type": "path"}})]),
        "image.source.type: Input should be 'base64', 'url', 'file'",
    ),
    "image_media_type": (
        body(messages=[said({"type": "image", "source": BAD_IMAGE})]),
        "media_type: Input should be 'image/jpeg'",
    ),
    # Tool calls and their results
    "call_unanswered": (
        history(USER, called(), USER),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "
        "toolu_1",
    ),
    "call_at_the_end": (history(USER, called()), "messages.1: `tool_use` ids were found without"),
    "call_answered_late": (
        history(USER, called(), said(text("Well,"), RESULT)),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
    ),
    "result_unexpected": (
        history(said(RESULT)),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1",
    ),
    "result_twice": (
        history(USER, called(), said(RESULT, RESULT)),
        "messages.2.content.1: unexpected `tool_use_id` found",
    ),
    "call_ids_repeated": (
        history(USER, called(), said(RESULT), called(), said(RESULT)),
        "messages: `tool_use` ids must be unique",
    ),
    "history_without_tools": (
        body(messages=[USER, called(), said(RESULT)]),
        "Requests which include `tool_use` or `tool_result` blocks must define tools",
    ),
    # Tools
    "tools_type": (body(tools={}), "tools: Input should be a valid list"),
    "tools_null": (body(tools=None), "tools: Input should be a valid list"),
    "tool_type": (body(tools=["find"]), "tools.0: Input should be a valid object"),
    "tool_name_missing": (
        body(tools=[{"input_schema": {"type": "object"}}]),
        "tools.0.custom.name: Field required",
    ),
    "tool_name_pattern": (
        body(tools=[{**TOOL, "name": "find it"}]),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    "tool_name_length": (body(tools=[{**TOOL, "name": "a" * 129}]), "String should match pattern"),
    "tool_name_newline": (body(tools=[{**TOOL, "name": "a\n"}]), "String should match pattern"),
    "tool_names_repeated": (body(tools=[TOOL, TOOL]), "tools: Tool names must be unique."),
    "tool_schema_missing": (
        body(tools=[{"name": "find"}]),
        "tools.0.custom.input_schema: Field required",
    ),
    "tool_schema_untyped": (
        body(tools=[{"name": "find", "input_schema": {}}]),
        "tools.0.custom.input_schema.type: Field required",
    ),
    "tool_schema_no_object": (
        body(tools=[{"name": "find", "input_schema": {"type": "array"}}]),
        "tools.0.custom.input_schema.type: Input should be 'object'",
    ),
    "tool_field": (
        body(tools=[{**TOOL, "parameters": {}}]),
        "tools.0.custom.parameters: Extra inputs are not permitted",
    ),
    "tool_description_type": (
        body(tools=[{**TOOL, "description": 1}]),
        "tools.0.custom.description: Input should be a valid string",
    ),
    # Tool choice
    "choice_type": (
        body(tools=[TOOL], tool_choice="auto"),
        "tool_choice: Input should be a valid object",
    ),
    "choice_untyped": (body(tools=[TOOL], tool_choice={}), "tool_choice.type: Field required"),
    "choice_unknown": (
        body(tools=[TOOL], tool_choice={"type": "required"}),
        "tool_choice.type: Input should be 'auto', 'any', 'tool', 'none'",
    ),
    "choice_field": (
        body(tools=[TOOL], tool_choice={"type": "none", "disable_parallel_tool_use": True}),
        "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted",
    ),
    "choice_parallel_type": (
        body(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": 1}),
        "disable_parallel_tool_use: Input should be a valid boolean",
    ),
    "choice_without_tools": (
        body(tool_choice={"type": "auto"}),
        "tool_choice may only be specified while providing tools.",
    ),
    "choice_nameless": (
        body(tools=[TOOL], tool_choice={"type": "tool"}),
        "tool_choice.tool.name: Field required",
    ),
    "choice_of_no_tool": (
        body(tools=[TOOL], tool_choice={"type": "tool", "name": "lose"}),
        "Tool 'lose' not found in provided tools",
    ),
    "choice_forced_while_thinking": (
        body(
            model="claude-opus-5",
            tools=[TOOL],
            tool_choice={"type": "any"},
            thinking={"type": "enabled", "budget_tokens": 1024},
            max_tokens=2048,
        ),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    # The last turn
    "prefill_from_4_6": (
        body(model="claude-opus-4-6", messages=[USER, {"role": "assistant", "content": "The"}]),
        "This model does not support assistant message prefill.",
    ),
    "prefill_whitespace": (
        body(model=OLD_MODEL, messages=[USER, {"role": "assistant", "content": "The "}]),
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    # Sampling
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
    # Thinking
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
    # Caching
    "cache_type": (
        body(cache_control={"type": "forever"}),
        "cache_control.type: Input should be 'ephemeral'",
    ),
    "cache_ttl": (
        body(messages=[said(text("a", cache_control={**CACHED, "ttl": "10m"}))]),
        "cache_control.ttl: Input should be '5m', '1h'",
    ),
    "cache_field": (
        body(tools=[{**TOOL, "cache_control": {**CACHED, "a": 1}}]),
        "cache_control.a: Extra inputs are not permitted",
    ),
    "cache_five_breakpoints": (
        body(messages=[said(*[text("a", cache_control=CACHED)] * 5)]),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "cache_breakpoints_in_results_count": (
        history(
            USER,
            called(),
            said({**RESULT, "content": [text("a", cache_control=CACHED)] * 4}),
            cache_control=CACHED,
        ),
        "Found 5.",
    ),
    "cache_ttl_order": (
        body(
            system=[text("a", cache_control=CACHED)],
            messages=[said(text("b", cache_control={**CACHED, "ttl": "1h"}))],
        ),
        "a ttl='1h' cache_control block must not come after a ttl='5m'",
    ),
}


@pytest.mark.parametrize(("value", "message"), INVALID.values(), ids=INVALID)
def test_a_request_that_breaks_a_rule_is_refused(value: object, message: str) -> None:
    """With a 400 that says which."""
    found = error_of(value)

    assert found is not None
    assert found[0] == 400
    assert message in found[1]


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-fable-5-1",
        "claude-fable-5-2",
        "claude-mythos-5-1",
        "claude-mythos-6",
        "us.anthropic.claude-opus-5-5-v1:0",
    ],
)
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "find"}])
def test_tools_cannot_be_forced_on_models_that_always_think(
    model: str, choice: dict[str, str]
) -> None:
    """Source: the migration guide of Claude Opus 5.5."""
    found = error_of(body(model=model, tools=[TOOL], tool_choice=choice))

    assert found == (400, "tool_choice: forced tool use is not supported for this model.")


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
@pytest.mark.parametrize("model", [OLD_MODEL, "claude-sonnet-5-5"])
def test_the_version_of_2026_takes_no_sampling_from_any_model(name: str, model: str) -> None:
    """Not even the defaults."""
    found = error_of(body(model=model, **{name: 1}), NEW)

    assert found == (400, f"{name}: Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            said({"type": "document", "source": {}}, role="assistant"),
            "`document` blocks can only be in `user` messages",
        ),
        (
            said(text("a", citations=[{}])),
            "messages.1.content.0.text.citations: Extra inputs are not permitted",
        ),
    ],
)
def test_the_version_of_2026_is_stricter_on_blocks(message: Any, expected: str) -> None:
    """Both were accepted before."""
    value = body(messages=[USER, message, USER])

    assert error_of(value) is None
    found = error_of(value, NEW)
    assert found is not None
    assert expected in found[1]


def test_a_beta_header_permits_beta_fields() -> None:
    """Which field belongs to which beta is not our business."""
    headers = {**HEADERS, "anthropic-beta": "mcp-client-2025-11-20"}

    assert error_of(body(mcp_servers=[]), headers) is None
