"""The tool choice, turned into what the Messages API takes. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livekit.agents.llm import ToolChoice

from resilient_claude.request.models import Model
from resilient_claude.request.thinking import asks_for_thinking

_TOOL_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def api_tool_choice(choice: object) -> dict[str, Any]:
    """Livekit's tool choice in the API's words.

    Raises:
        ValueError: It is none of livekit's.
    """
    if isinstance(choice, str) and choice in _TOOL_CHOICES:
        return {"type": _TOOL_CHOICES[choice]}
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        function = choice.get("function")
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            return {"type": "tool", "name": function["name"]}
    got = repr(choice) if isinstance(choice, str) else type(choice).__name__
    raise ValueError(
        'tool_choice must be "auto", "required", "none" or'
        f' {{"type": "function", "function": {{"name": ...}}}}, got {got}'
    )


def with_tool_choice(
    body: dict[str, Any], model: Model, *, choice: ToolChoice | None, parallel: bool | None
) -> tuple[dict[str, Any], str | None]:
    """*body* with the tool choice, unless it has one; and why that is not sent as asked, if so.

    Raises:
        ValueError: *choice* is none of livekit's, or names a tool that *body* lacks.
    """
    wanted = None if choice is None else api_tool_choice(choice)
    if not body.get("tools"):
        may_be_left_out = wanted is None or wanted["type"] in ("auto", "none")
        return body, None if may_be_left_out else "not sent: the request has no tools"
    if wanted is None and parallel is not None:
        wanted = {"type": "auto"}
    if wanted is None or "tool_choice" in body:
        return body, None
    if wanted["type"] == "tool":
        names = [tool.get("name") for tool in body["tools"]]
        if wanted["name"] not in names and None not in names:  # an MCP toolset has no name
            raise ValueError(f"tool_choice names {wanted['name']!r}, which is not among the tools")
    reason = None
    if wanted["type"] in ("any", "tool") and (reason := _why_not_forced(body, model)):
        wanted = {"type": "auto"}
    if parallel is not None and wanted["type"] != "none":
        wanted["disable_parallel_tool_use"] = not parallel
    return body | {"tool_choice": wanted}, reason and f"sent as auto: {reason}"


def _why_not_forced(body: Mapping[str, Any], model: Model) -> str | None:
    if not model.accepts_forced_tool_choice:
        return f"model {model.id} rejects a forced tool choice"
    if asks_for_thinking(body) and not model.accepts_forced_tool_choice_with_thinking:
        return f"model {model.id} rejects a forced tool choice together with thinking"
    return None
