"""The arguments and defaults of docs/server-tools.md are the real ones."""

from __future__ import annotations

from dataclasses import fields

import resilient_claude
from resilient_claude.request.tools.server_tool import ServerTool

from .pages import names, page, rows

PAGE = page("server-tools")
TOOLS = {
    name: getattr(resilient_claude, name)
    for name in resilient_claude.__all__
    if isinstance(getattr(resilient_claude, name), type)
    and issubclass(getattr(resilient_claude, name), ServerTool)
}
ROWS = {names(tool)[0]: cells for tool, *cells in rows(PAGE, "tool")}


def arguments(tool: str) -> set[str]:
    return {field.name for field in fields(TOOLS[tool])}


def test_every_tool_has_a_row_with_its_arguments() -> None:
    """And no row has one that is none."""
    assert ROWS.keys() == TOOLS.keys()
    for tool, (_, told) in ROWS.items():
        found = {*names(told)}
        if tool == "WebFetch":  # "the same without"
            found = (arguments("WebSearch") | found) - {"user_location"}
        assert found == arguments(tool), tool


def test_the_defaults_are_the_real_ones() -> None:
    """A voice is promised them."""
    search, fetch = TOOLS["WebSearch"](), TOOLS["WebFetch"]()

    assert f"at most {search.max_uses} searches" in ROWS["WebSearch"][0]
    assert f"at most {fetch.max_uses} pages" in ROWS["WebFetch"][0]
    assert f"{fetch.max_content_tokens:,} tokens" in ROWS["WebFetch"][0]
    assert search.allowed_callers == fetch.allowed_callers == ("direct",)
