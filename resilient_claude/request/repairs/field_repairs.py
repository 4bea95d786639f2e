"""Repairs of a request's settings: sampling, thinking, effort, forced and strict tools, betas.

Pure. Each is a pair of functions, as `Repair` has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.model_facts import SAMPLING
from resilient_claude.request.request import Adjustment, Request
from resilient_claude.request.thinking import thinking_mode

from .message_repairs import without_thinking_blocks
from .repair import Mended, digest, field_of, items_of

_BETA_HEADER = "anthropic-beta"


def _changed(request: Request, changes: Mapping[str, Any], without: str = "") -> Request:
    body = {**request.body, **changes}
    body.pop(without, None)
    return replace(request, body=body)


def _rejected(request: Request, what: str = "it") -> str:
    return f"the API rejects {what} for model {request.model}"


# --- sampling -------------------------------------------------------------------------------------

_Sampling: TypeAlias = tuple[tuple[tuple[str, Any], ...], frozenset[str], str]


def about_sampling(request: Request, error: ApiError) -> _Sampling | None:
    """The arguments that are rejected, those that are sent, and the type of thinking."""
    sent = _sampling(request)
    named = [name for name in sent if name in error.message] or sent
    if "cannot both" in error.message:
        named = [name for name in named if name != "temperature"]  # which is asked for most
    values = tuple((name, request.body[name]) for name in named)
    return (values, frozenset(sent), _thinking_type(request)) if values else None


def mend_sampling(request: Request, about: _Sampling) -> Mended | None:
    """The same without the arguments that are rejected."""
    values, sent, thinking = about
    body = request.body
    same = all(body.get(name) == value for name, value in values)
    if not same or sent != {*_sampling(request)} or thinking != _thinking_type(request):
        return None
    names = [name for name, _ in values]
    left = {name: value for name, value in body.items() if name not in names}
    reason = f"not sent: {_rejected(request)}"
    return replace(request, body=left), Adjustment(" and ".join(names), reason)


def _sampling(request: Request) -> list[str]:
    return [name for name in SAMPLING if isinstance(request.body.get(name), (int, float))]


def _thinking_type(request: Request) -> str:
    return str(_thinking(request).get("type"))


def _thinking(request: Request) -> dict[str, Any]:
    """What is asked for; nothing if that is none, or of no shape that is known."""
    thinking = request.body.get("thinking")
    return thinking if isinstance(thinking, dict) else {}


# --- thinking and effort --------------------------------------------------------------------------

_SETTING = re.compile(r"thinking\.(?:\w+\.)?(display|block_binding)\b")


def about_thinking(request: Request, error: ApiError) -> tuple[str, str, bool] | None:
    """What is asked for, the key in it that is rejected, if any, and whether to try adaptive."""
    thinking = _thinking(request)
    if not thinking:
        return None
    named = _SETTING.search(error.message)
    key = named[1] if named and named[1] in thinking else ""
    advised = "Use " in error.message and "thinking.type.adaptive" in error.message
    return digest(thinking), key, advised and thinking.get("type") != "adaptive"


def mend_thinking(request: Request, about: tuple[str, str, bool]) -> Mended | None:
    """The same without the key, with adaptive thinking, or with what the model does by itself."""
    asked, key, adaptive = about
    thinking = _thinking(request)
    kind = thinking.get("type")
    if not thinking or digest(thinking) != asked:
        return None
    if key:
        left = {name: value for name, value in thinking.items() if name != key}
        reason = f"sent without {key}: {_rejected(request)}"
        return _changed(request, {"thinking": left}), Adjustment("thinking", reason)
    if adaptive:
        made = _changed(request, {"thinking": {"type": "adaptive"}})
        reason = f'sent as "adaptive": {_rejected(request, f"the type {kind!r}")}'
        return made, Adjustment("thinking", reason)
    made = _changed(request, {}, without="thinking")
    if thinking_mode(made.body, request.asked) == "off":
        made = without_thinking_blocks(made)
    return made, Adjustment("thinking", f"not sent: {_rejected(request, f'the type {kind!r}')}")


def about_effort(request: Request, error: ApiError) -> tuple[str, str] | None:
    """The level that is rejected, and the type of thinking it is with."""
    effort = field_of(request.body.get("output_config"), "effort")
    if not isinstance(effort, str):
        return None
    return effort, _thinking_type(request)


def mend_effort(request: Request, about: tuple[str, str]) -> Mended | None:
    """The same at the effort that the model makes by itself."""
    if about_effort(request, ApiError()) != about:
        return None
    config = {k: v for k, v in request.body["output_config"].items() if k != "effort"}
    if config:
        made = _changed(request, {"output_config": config})
    else:
        made = _changed(request, {}, without="output_config")
    return made, Adjustment("effort", f"not sent: {_rejected(request)}")


# --- tools ----------------------------------------------------------------------------------------


def about_forced_tool(request: Request, error: ApiError) -> tuple[str, str] | None:
    """How it is forced, and the type of thinking it is with."""
    kind = field_of(request.body.get("tool_choice"), "type")
    if kind not in ("any", "tool"):
        return None
    return kind, _thinking_type(request)


def mend_forced_tool(request: Request, about: tuple[str, str]) -> Mended | None:
    """The same, but Claude decides."""
    if about_forced_tool(request, ApiError()) != about:
        return None
    choice = request.body["tool_choice"]
    left = {key: value for key, value in choice.items() if key not in ("type", "name")}
    made = _changed(request, {"tool_choice": {"type": "auto", **left}})
    reason = f"sent as auto: {_rejected(request, 'a forced tool choice')}"
    return made, Adjustment("tool_choice", reason)


def about_strict_tools(request: Request, error: ApiError) -> str | None:
    """The strict tools: others may not be too complex together."""
    tools = items_of(request.body.get("tools"))
    strict = [field_of(tool, "name") for tool in tools if field_of(tool, "strict") is True]
    return digest(strict) if strict else None


def mend_strict_tools(request: Request, about: str) -> Mended | None:
    """The same without strict tools."""
    loose = request.without_strict() if about_strict_tools(request, ApiError()) == about else None
    if loose is None:
        return None
    reason = f"not sent: the API could not compile the schemas for model {request.model}"
    return loose, Adjustment("strict_tool_schema", reason)


# --- betas ----------------------------------------------------------------------------------------


def about_betas(request: Request, error: ApiError) -> tuple[str, ...] | None:
    """The names that are rejected; where none is named, all that were sent."""
    sent = _betas(request)
    return tuple([name for name in sent if name in error.message] or sent) or None


def mend_betas(request: Request, about: tuple[str, ...]) -> Mended | None:
    """The same without these betas, and without what only they allow."""
    sent = _betas(request)
    left = [name for name in sent if name not in about]
    if len(left) == len(sent):
        return None
    headers = {k: v for k, v in request.headers.items() if k.lower() != _BETA_HEADER}
    query = request.query
    if left:
        headers[_BETA_HEADER] = ",".join(left)
    else:
        query = {name: value for name, value in query.items() if name != "beta"}
    gone = [name for name in sent if name in about]
    made = replace(request, headers=headers, query=query, body=_without_beta(request.body, gone))
    return made, Adjustment("betas", f"sent without {', '.join(gone)}: the API does not know it")


def _betas(request: Request) -> list[str]:
    values = [v for name, v in request.headers.items() if name.lower() == _BETA_HEADER]
    return [name for name in (part.strip() for v in values for part in v.split(",")) if name]


def _without_beta(body: Mapping[str, Any], gone: list[str]) -> dict[str, Any]:
    """*body* without the fields that are unknown without the betas that are *gone*."""
    left = dict(body)
    for beta, name, only in _IN_THINKING:
        thinking = left.get("thinking")
        value = field_of(thinking, name)
        if thinking and value is not None and only in (None, value) and _has(gone, beta):
            left["thinking"] = {k: v for k, v in thinking.items() if k != name}
    if _has(gone, "fast-mode"):
        left.pop("speed", None)
    if _has(gone, "mcp-client") and left.pop("mcp_servers", None):
        tools = items_of(left.get("tools"))
        left["tools"] = [tool for tool in tools if field_of(tool, "type") != "mcp_toolset"]
        if not left["tools"]:
            del left["tools"]
            left.pop("tool_choice", None)
    return left


# Which beta allows which value of which field; None stands for any.
_IN_THINKING = (
    ("thinking-display-updates", "display", "updates"),
    ("thinking-binding-controls", "block_binding", None),
)


def _has(names: list[str], beta: str) -> bool:
    """Whether *beta*, without its date, is among *names*."""
    return any(name.startswith(beta) for name in names)
