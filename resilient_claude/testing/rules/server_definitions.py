"""The rules for the definitions of the tools that Anthropic runs. Pure: no I/O.

Source: platform.claude.com, the pages of each tool, "Server tools" and "Tool search tool"; the
`*_tool_*_param.py` types of the anthropic SDK 2.14.
"""

import re
from typing import Any

from .abilities import calls_tools_from_code, searches_tools
from .shapes import InvalidRequestError, check_choice, check_keys, check_type, join

_COMMON = ("type", "name", "allowed_callers", "cache_control", "defer_loading", "strict")
_WEB = (*_COMMON, "max_uses", "allowed_domains", "blocked_domains")
_FETCH = (*_WEB, "citations", "max_content_tokens", "url_sources")
_KEYS = {
    "web_search_20250305": (*_WEB, "user_location"),
    "web_search_20260209": (*_WEB, "user_location"),
    "web_search_20260318": (*_WEB, "user_location", "response_inclusion"),
    "web_fetch_20250910": _FETCH,
    "web_fetch_20260209": _FETCH,
    "web_fetch_20260309": (*_FETCH, "use_cache"),
    "web_fetch_20260318": (*_FETCH, "use_cache", "response_inclusion"),
    "code_execution_20250522": _COMMON,
    "code_execution_20250825": _COMMON,
    "code_execution_20260120": _COMMON,
    "code_execution_20260521": _COMMON,
    "tool_search_tool_bm25_20251119": _COMMON,
    "tool_search_tool_regex_20251119": _COMMON,
    "mcp_toolset": (
        "type",
        "mcp_server_name",
        "cache_control",
        "configs",
        "default_config",
        "tools",
    ),
}
_CALLERS = (
    *("direct", "code_execution_20250825"),
    *("code_execution_20260120", "code_execution_20260521"),
)
_NEWER_CODE = ("code_execution_20260120", "code_execution_20260521")
_WEB_TYPE = re.compile(r"web_(?:search|fetch)_(\d{8})")
_FROM_CODE_SINCE = "20260209"
_DOMAIN = re.compile(r"[^*/:\s]+(?:/\S*)?")
_CONFIG = ("enabled", "defer_loading")


def check_server_definition(tool: dict[str, Any], path: str, model: str) -> None:
    """Check one definition; a type that is not known is right, whatever it has."""
    kind = tool["type"]
    if kind not in _KEYS:
        return
    path = f"{path}.{kind}"
    check_keys(tool, path, _KEYS[kind])
    if kind == "mcp_toolset":
        _check_configs(tool, path)
        return
    name = kind.rpartition("_")[0]
    check_choice(tool.get("name"), (name,), join(path, "name"))
    for caller in tool.get("allowed_callers") or ():
        check_choice(caller, _CALLERS, join(path, "allowed_callers"))
    if name.startswith("tool_search") and not searches_tools(model):
        # Assumed wording.
        raise InvalidRequestError(f"{path}: tool search is not supported for this model")
    if name in ("web_search", "web_fetch"):
        _check_web(tool, path)


def check_together(tools: list[dict[str, Any]], model: str) -> None:
    """Check what the definitions of a request must be to each other."""
    for index, tool in enumerate(tools):
        _check_callers(tool, model, f"tools.{index}")
        if tool.get("defer_loading") and "cache_control" in tool:
            # Assumed wording.
            raise InvalidRequestError(
                f"tools.{index}: cache_control is not supported with defer_loading=true"
            )
    if tools and all(map(_is_deferred, tools)):
        raise InvalidRequestError(
            "At least one tool must have defer_loading=false. All tools cannot be deferred."
        )
    codes = [str(t.get("type")) for t in tools if str(t.get("type")).startswith("code_execution_")]
    if any(map(_runs_in_code, tools)) and any(code not in _NEWER_CODE for code in codes):
        # Assumed wording.
        raise InvalidRequestError(
            f"tools: {codes[0]} is not supported with web tools of {_FROM_CODE_SINCE} or later"
        )


def _check_web(tool: dict[str, Any], path: str) -> None:
    if tool.get("allowed_domains") and tool.get("blocked_domains"):
        # Assumed wording.
        raise InvalidRequestError(
            f"{path}: only one of allowed_domains and blocked_domains can be specified"
        )
    for key in ("allowed_domains", "blocked_domains"):
        for domain in tool.get(key) or ():
            if not isinstance(domain, str) or not _DOMAIN.fullmatch(domain):
                raise InvalidRequestError(f"{path}.{key}: invalid domain {domain!r}")
    for key in ("max_uses", "max_content_tokens"):
        if key in tool and tool[key] is not None:
            check_type(tool[key], int, join(path, key))
            if tool[key] < 1:
                raise InvalidRequestError(f"{path}.{key}: Input should be greater than 0")
    location = tool.get("user_location")
    if location is not None:
        keys = ("type", "city", "country", "region", "timezone")
        check_keys(location, join(path, "user_location"), keys)
        check_choice(location.get("type"), ("approximate",), join(path, "user_location.type"))
        if len(location) < 2:
            raise InvalidRequestError(f"{path}.user_location: provide at least one field")
    if tool.get("response_inclusion") is not None:
        inclusion = join(path, "response_inclusion")
        check_choice(tool["response_inclusion"], ("full", "excluded"), inclusion)


def _check_configs(tool: dict[str, Any], path: str) -> None:
    check_keys(tool.get("default_config") or {}, join(path, "default_config"), _CONFIG)
    for name, config in (tool.get("configs") or {}).items():
        check_keys(config, join(path, f"configs.{name}"), _CONFIG)


def _check_callers(tool: dict[str, Any], model: str, path: str) -> None:
    """Check who may call a search: by default, since 2026-02-09, only code that the model runs.

    Source: platform.claude.com, "Web search tool", "Dynamic filtering". Assumed wording.
    """
    is_direct = tool.get("allowed_callers") == ["direct"]
    if _runs_in_code(tool) and not is_direct and not calls_tools_from_code(model):
        raise InvalidRequestError(
            f"{path}.allowed_callers: programmatic tool calling is not supported for this model; "
            'set allowed_callers to ["direct"]'
        )


def _runs_in_code(tool: dict[str, Any]) -> bool:
    version = _WEB_TYPE.fullmatch(str(tool.get("type")))
    return version is not None and version[1] >= _FROM_CODE_SINCE


def _is_deferred(tool: dict[str, Any]) -> bool:
    return bool(
        tool.get("defer_loading") or (tool.get("default_config") or {}).get("defer_loading")
    )
