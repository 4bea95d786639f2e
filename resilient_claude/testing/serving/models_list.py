"""The answers of `GET /v1/models` and `GET /v1/models/{model}`."""

from typing import Any

from resilient_claude.testing.rules.abilities import (
    calls_tools_from_code,
    efforts,
    max_input_tokens,
    max_output_tokens,
    parse,
    rejected_thinking,
)

# Source: types/model.py of the anthropic SDK 2.14.
_NAMES = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-mythos-5-1",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-5-20250929",
)
_ALIASES = {name[:-9]: name for name in _NAMES if name[-8:].isdecimal()}
# Source: _data/deprecated_models.py there.
_RETIRES_AT = {
    "claude-opus-4-5-20251101": "2027-01-22T00:00:00Z",
    "claude-sonnet-4-5-20250929": "2026-11-30T00:00:00Z",
}
_TYPES = ("adaptive", "between_tools", "disabled", "enabled")
_LEVELS = ("low", "medium", "high", "xhigh", "max")


def model(name: str) -> dict[str, Any] | None:
    """Describe the model called *name*; None if there is none."""
    name = _ALIASES.get(name, name)
    if name not in _NAMES:
        return None
    retires_at = _RETIRES_AT.get(name)
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active" if retires_at is None else "deprecated",
        "deprecated_at": None if retires_at is None else "2026-06-01T00:00:00Z",
        "retires_at": retires_at,
        "line": parse(name).family,
        "max_input_tokens": max_input_tokens(name),
        "max_tokens": max_output_tokens(name),
        "capabilities": _capabilities(name),
    }


def model_list() -> dict[str, Any]:
    """List the models, as one page."""
    return {
        "data": [model(name) for name in _NAMES],
        "has_more": False,
        "first_id": _NAMES[0],
        "last_id": _NAMES[-1],
    }


def _capabilities(name: str) -> dict[str, Any]:
    """What it can do, in the shape of types/model_capabilities.py of the anthropic SDK 2.14."""
    levels, rejected = efforts(name), rejected_thinking(name)
    yes = {"supported": True}
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": {"supported": calls_tools_from_code(name)},
        "context_management": yes,
        "effort": {
            "supported": bool(levels),
            **{level: {"supported": level in levels} for level in _LEVELS},
        },
        "image_input": yes,
        "pdf_input": yes,
        "server_tools": yes,
        "structured_outputs": yes,
        "thinking": {
            "supported": True,
            "types": {kind: {"supported": kind not in rejected} for kind in _TYPES},
        },
    }
