"""The rules for tools, the choice among them, and caching."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.rules.bodies import (
    CACHED,
    HEADERS,
    RESULT,
    TOOL,
    USER,
    body,
    called,
    check_refused,
    error_of,
    history,
    said,
    text,
)

VALID: dict[str, Any] = {
    "server_tool": body(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
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
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_a_valid_request_is_accepted(value: dict[str, Any]) -> None:
    """A rule that is too strict would fail code that works."""
    assert error_of(value) is None


INVALID: dict[str, tuple[object, str]] = {
    "history_without_tools": (
        body(messages=[USER, called(), said(RESULT)]),
        "Requests which include `tool_use` or `tool_result` blocks must define tools",
    ),
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
    "tool_name_length": (
        body(tools=[{**TOOL, "name": "a" * 129}]),
        "tools.0.custom.name: String should have at most 128 characters",
    ),
    "tool_name_empty": (body(tools=[{**TOOL, "name": ""}]), "String should match pattern"),
    "tool_name_dotted": (body(tools=[{**TOOL, "name": "a.b"}]), "String should match pattern"),
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
    "toolset_without_a_server": (
        body(tools=[{"type": "mcp_toolset", "mcp_server_name": "shop"}]),
        "tools: MCP server 'shop' not found in mcp_servers",
    ),
    "search_from_code_where_none_calls_tools": (
        body(
            model="claude-haiku-4-5",
            tools=[{"type": "web_search_20260318", "name": "web_search"}],
        ),
        "tools.0.allowed_callers: programmatic tool calling is not supported for this model",
    ),
    "choice_forced_while_thinking": (
        body(
            model="claude-sonnet-4-6",
            tools=[TOOL],
            tool_choice={"type": "any"},
            thinking={"type": "enabled", "budget_tokens": 1024},
            max_tokens=2048,
        ),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
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
    check_refused(value, message)


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

    assert found == (400, 'tool_choice: type "tool" and "any" are not supported for this model.')


@pytest.mark.parametrize(("toolsets", "is_right"), [(0, False), (1, True), (2, False)])
def test_a_server_has_exactly_one_toolset(toolsets: int, is_right: bool) -> None:
    """Without one its tools are not offered, and nobody would see why."""
    toolset = {"type": "mcp_toolset", "mcp_server_name": "shop"}
    tools = [toolset] * toolsets
    headers = {**HEADERS, "anthropic-beta": "mcp-client-2025-11-20"}

    found = error_of(body(mcp_servers=[{"name": "shop"}], tools=tools), headers)

    assert (found is None) is is_right
