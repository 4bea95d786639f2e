"""The rules for what the model decides: thinking, effort, speed, `max_tokens`. Pure: no I/O."""

from typing import Any

from .abilities import (
    efforts,
    efforts_without_thinking,
    fast_mode,
    max_output_tokens,
    rejected_thinking,
)
from .shapes import InvalidRequestError, check_choice, check_keys, check_type, require, require_type

_MIN_THINKING_TOKENS = 1024
_LEVELS = ("low", "medium", "high", "xhigh", "max")
# Source: types/thinking_config_*_param.py of the anthropic SDK 2.14, its beta ones included.
_KEYS = {
    "adaptive": ("type", "display", "block_binding"),
    "between_tools": ("type",),
    "disabled": ("type",),
    "enabled": ("type", "display", "budget_tokens", "block_binding"),
}
_UPDATES_BETA = "thinking-display-updates-2026-08-18"
_BINDING_BETA = "thinking-binding-controls-2026-08-01"
_NOT_SUPPORTED = '"thinking.type.{kind}" is not supported for this model.'
_ADVICE = {
    "enabled": ' Use "thinking.type.adaptive" and "output_config.effort" to control thinking '
    "behavior.",
}


def check_max_tokens(body: dict[str, Any]) -> None:
    """Check that the model can write so much."""
    most = max_output_tokens(body["model"])
    if most is not None and body["max_tokens"] > most:
        raise InvalidRequestError(
            f"max_tokens: {body['max_tokens']} > {most}, which is the maximum allowed number of "
            f"output tokens for {body['model']}"
        )


def check_effort(body: dict[str, Any]) -> None:
    """Check `output_config.effort`."""
    effort = (body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    check_choice(effort, _LEVELS, "output_config.effort")
    levels = efforts(body["model"])
    if not levels:
        raise InvalidRequestError("This model does not support the effort parameter.")
    if effort not in levels:
        # Assumed wording.
        raise InvalidRequestError(f"output_config.effort: '{effort}' is not supported")


def check_speed(body: dict[str, Any], betas: str) -> None:
    """Check `speed`, which needs a beta on some models."""
    speed = body.get("speed")
    if speed is None:
        return
    check_choice(speed, ("standard", "fast"), "speed")
    beta = fast_mode(body["model"])
    if speed == "fast" and (beta is None or beta not in betas):
        # Assumed wording.
        raise InvalidRequestError("speed: fast mode is not supported for this model")


def check_thinking(body: dict[str, Any], betas: str) -> None:
    """Check `thinking`, alone and together with effort and `max_tokens`."""
    thinking, model = body["thinking"], body["model"]
    check_type(thinking, dict, "thinking")
    kind = require(thinking, "type", "thinking")
    check_choice(kind, tuple(_KEYS), "thinking.type")
    if kind in rejected_thinking(model):
        if kind == "adaptive":
            raise InvalidRequestError("adaptive thinking is not supported on this model")
        raise InvalidRequestError(_NOT_SUPPORTED.format(kind=kind) + _ADVICE.get(kind, ""))
    check_keys(thinking, f"thinking.{kind}", _KEYS[kind])
    effort = (body.get("output_config") or {}).get("effort")
    is_off = kind in ("disabled", "between_tools")
    if is_off and effort is not None and effort not in efforts_without_thinking(model):
        # Source: github.com/anthropics/claude-code/issues/81084. Assumed: so it is between tools.
        raise InvalidRequestError(
            f"output_config.effort '{effort}' is not supported when thinking is {kind} on this "
            "model. Use effort 'high' or below, or enable thinking."
        )
    _check_betas(thinking, kind, betas)
    if kind == "enabled":
        _check_budget(thinking, body["max_tokens"])


def check_begins_with_thinking(
    thinking: object, turns: list[tuple[str, list[dict[str, Any]]]]
) -> None:
    """Check that an answer which goes on, or a loop of tools, begins with manual thinking.

    Source: platform.claude.com/docs/en/build-with-claude/thinking, "Thinking with tool use" and
    "Response prefill and forced tool use". Assumed: of a loop of tools, its first step is meant,
    and what a user says behind results begins another one.
    """
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return
    at, first = len(turns) - 1, None
    if turns[at][0] == "assistant":
        first, at = at, at - 1
    while at > 0 and turns[at][1] and turns[at][1][0]["type"] == "tool_result":
        if first is not None and turns[at][1][-1]["type"] != "tool_result":
            break
        first, at = at - 1, at - 2
    blocks = [] if first is None else turns[first][1]
    if blocks and blocks[0]["type"] not in ("thinking", "redacted_thinking"):
        raise InvalidRequestError(
            f"messages.{first}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            f"found `{blocks[0]['type']}`. When `thinking` is enabled, a final `assistant` message "
            "must start with a thinking block (preceeding the lastmost set of `tool_use` and "
            "`tool_result` blocks)."
        )


def _check_betas(thinking: dict[str, Any], kind: str, betas: str) -> None:
    display = thinking.get("display")
    if display is not None:
        updates = ("updates",) if _UPDATES_BETA in betas else ()
        path = f"thinking.{kind}.display"
        check_choice(display, ("summarized", "omitted", *updates), path)
    if "block_binding" in thinking and _BINDING_BETA not in betas:
        raise InvalidRequestError(f"thinking.{kind}.block_binding: Extra inputs are not permitted")


def _check_budget(thinking: dict[str, Any], max_tokens: int) -> None:
    budget = require_type(thinking, "budget_tokens", int, "thinking.enabled")
    if budget < _MIN_THINKING_TOKENS:
        raise InvalidRequestError(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        )
    if budget >= max_tokens:
        raise InvalidRequestError("`max_tokens` must be greater than `thinking.budget_tokens`.")
