"""What the simulation refuses of the tools that Anthropic runs, in a request's `tools`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.rules.bodies import CACHED, TOOL, body, check_refused, error_of

SEARCH = {"type": "web_search_20260318", "name": "web_search"}
FETCH = {"type": "web_fetch_20260318", "name": "web_fetch"}
CODE = {"type": "code_execution_20260521", "name": "code_execution"}
LOOK = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
DEFERRED = {**TOOL, "defer_loading": True}

VALID: dict[str, list[dict[str, Any]]] = {
    "all of them": [SEARCH, FETCH, CODE, LOOK, DEFERRED],
    "with everything": [
        {
            **SEARCH,
            "max_uses": 3,
            "allowed_domains": ["a.example/menu/*"],
            "user_location": {"type": "approximate", "city": "Bonn"},
            "allowed_callers": ["direct"],
            "response_inclusion": "full",
        },
        {**FETCH, "use_cache": False, "max_content_tokens": 9, "citations": {"enabled": True}},
    ],
    "old beside old": [
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "code_execution_20250825", "name": "code_execution"},
    ],
    "newer than the rules": [{"type": "oracle_20290101", "name": "oracle", "depth": 9}],
}


@pytest.mark.parametrize("case", VALID)
def test_what_is_documented_is_accepted(case: str) -> None:
    """A rule that is too strict would hide what works."""
    assert error_of(body(tools=VALID[case])) is None


INVALID: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a field of a later version": (
        [{**SEARCH, "type": "web_search_20250305", "response_inclusion": "full"}],
        "tools.0.web_search_20250305.response_inclusion: Extra inputs are not permitted",
    ),
    "another name": ([{**SEARCH, "name": "search"}], "tools.0.web_search_20260318.name"),
    "both lists": (
        [{**SEARCH, "allowed_domains": ["a.example"], "blocked_domains": ["b.example"]}],
        "only one of allowed_domains and blocked_domains",
    ),
    "a scheme": ([{**FETCH, "allowed_domains": ["https://a.example"]}], "invalid domain"),
    "no uses": ([{**SEARCH, "max_uses": 0}], "max_uses: Input should be greater than 0"),
    "nowhere": ([{**SEARCH, "user_location": {"type": "approximate"}}], "at least one field"),
    "a caller": ([{**SEARCH, "allowed_callers": ["me"]}], "allowed_callers"),
    "old code beside a new search": (
        [SEARCH, {"type": "code_execution_20250825", "name": "code_execution"}],
        "tools: code_execution_20250825 is not supported",
    ),
    "all deferred": ([DEFERRED], "All tools cannot be deferred."),
    "deferred and marked": (
        [LOOK, {**DEFERRED, "cache_control": CACHED}],
        "cache_control is not supported with defer_loading",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_what_the_documentation_rejects_is_refused(case: str) -> None:
    """With a caller on the line it would be a 400 in each turn."""
    tools, message = INVALID[case]

    check_refused(body(tools=tools), message)


def test_tools_are_not_looked_for_by_models_before_4_5() -> None:
    """ "Claude Opus 4.1 and earlier models don't support the tool search tool." """
    check_refused(body(model="claude-opus-4-1", tools=[LOOK, TOOL]), "tool search is not supported")


def test_a_toolset_s_settings_are_known() -> None:
    """A typing error in one would enable what was to be blocked."""
    toolset = {"type": "mcp_toolset", "mcp_server_name": "shop"}
    wrong = {**toolset, "configs": {"refund": {"enable": False}}}

    check_refused(body(tools=[wrong]), "configs.refund.enable: Extra inputs are not permitted")
