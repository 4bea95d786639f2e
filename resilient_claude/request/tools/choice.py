"""The tool choice, turned into what the Messages API takes. Pure: values in, values out."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from livekit.agents.llm import ToolChoice

from resilient_claude.request.models import Model
from resilient_claude.request.thinking import asks_for_thinking

from .names import api_name

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
    raise ValueError(
        'tool_choice must be "auto", "required", "none" or'
        f' {{"type": "function", "function": {{"name": ...}}}}, got {reprlib.repr(choice)}'
    )


def check_parallel(name: str, value: object) -> None:
    """Check that *value*, given as *name*, is one of `parallel_tool_calls`.

    Raises:
        TypeError: It is no bool.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, got {value!r}")


def with_tool_choice(
    body: dict[str, Any], model: Model, *, choice: ToolChoice | None, parallel: bool | None
) -> tuple[dict[str, Any], str | None]:
    """*body* with the tool choice, unless it has one; and why that is not sent as asked, if so.

    What is the API's default is left out: livekit asks for "auto" when it sends a tool's result,
    and for nothing before, and each change of the choice takes the messages out of the cache.
    Source: platform.claude.com/docs/en/build-with-claude/prompt-caching, "What invalidates the
    cache".

    Raises:
        TypeError: *parallel* is no bool.
        ValueError: *choice* is none of livekit's.
    """
    if parallel is not None:
        check_parallel("parallel_tool_calls", parallel)
    wanted = None if choice is None else api_tool_choice(choice)
    if not body.get("tools"):
        may_be_left_out = wanted is None or wanted["type"] in ("auto", "none")
        return body, None if may_be_left_out else "not sent: the request has no tools"
    if wanted is None and parallel is False:
        wanted = {"type": "auto"}
    if wanted is None or "tool_choice" in body:
        return body, None
    reason = None
    if wanted["type"] in ("any", "tool") and (reason := _why_not_forced(body, model, wanted)):
        wanted = {"type": "auto"}
    elif wanted["type"] == "tool":
        wanted["name"] = api_name(wanted["name"])
    if parallel is False and wanted["type"] != "none":
        wanted["disable_parallel_tool_use"] = True
    if wanted != {"type": "auto"}:
        body = body | {"tool_choice": wanted}
    return body, reason and f"sent as auto: {reason}"


def _why_not_forced(body: Mapping[str, Any], model: Model, wanted: Mapping[str, Any]) -> str | None:
    if wanted["type"] == "tool":
        names = [tool.get("name") for tool in body["tools"]]
        if api_name(wanted["name"]) not in names and None not in names:  # an MCP toolset has none
            return f"there is no tool {wanted['name']!r}"
    if not model.accepts_forced_tool_choice:
        return f"model {model.id} rejects a forced tool choice"
    if asks_for_thinking(body) and not model.accepts_forced_tool_choice_with_thinking:
        return f"model {model.id} rejects a forced tool choice together with thinking"
    return None
