"""An API that takes less than Claude's: an older model's, a platform's, a gateway's. Pure: no I/O.

Every wording is one that the API, or who stands in for it, has been seen to use; its source stands
beside it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal, TypeAlias, get_args

from resilient_claude.testing.script.answers import HttpError

Part: TypeAlias = Literal[
    "prefill",
    "forced_tool",
    "sampling",
    "thinking",
    "effort",
    "strict_tools",
    "betas",
    "thinking_blocks",
    "images",
    "container",
    "server_blocks",
]
"""What of a request it may not take."""


def rejection(
    parts: Collection[Part], headers: Mapping[str, str], body: object
) -> HttpError | None:
    """Return the error for a request that has one of *parts*, or None when it has none.

    Args:
        parts: What is not taken.
        headers: By lower-case name.
        body: Of the Messages API, as it was received.
    """
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(messages, list) or not messages:
        return None
    if not all(isinstance(message, dict) and message.keys() >= _NEEDED for message in messages):
        return None
    found = (_RULES[part](body, headers) for part in parts)
    return next((error for error in found if error is not None), None)


_NEEDED = {"role", "content"}


def check_parts(parts: Collection[Part]) -> tuple[Part, ...]:
    """Return *parts*.

    Raises:
        TypeError: It is one name instead of a list.
        ValueError: One of them is none.
    """
    if isinstance(parts, str):
        raise TypeError(f"rejects must be a list of names, got {parts!r}")
    for part in parts:
        if part not in _RULES:
            raise ValueError(f"rejects must be of {get_args(Part)}, got {part!r}")
    return tuple(parts)


def _error(message: str, code: str | None = None) -> HttpError:
    error = {"type": "invalid_request_error", "message": message}
    details = {} if code is None else {"details": {"error_code": code}}
    return HttpError(400, body={"type": "error", "error": {**error, **details}})


def _prefill(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    if body["messages"][-1]["role"] != "assistant":
        return None
    # Source: github.com/anomalyco/opencode/issues/13768
    return _error(
        "This model does not support assistant message prefill. The conversation must end with a "
        "user message."
    )


def _forced_tool(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    if body.get("tool_choice", {}).get("type") not in ("any", "tool"):
        return None
    # Source: github.com/anthropics/claude-cookbooks/issues/854
    return _error('tool_choice: type "tool" and "any" are not supported for this model.')


def _sampling(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    # Source: github.com/oumi-ai/oumi/pull/2538
    names = ("temperature", "top_p", "top_k")
    found = (_error(f"`{n}` is deprecated for this model.") for n in names if n in body)
    return next(found, None)


def _thinking(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    kind = (body.get("thinking") or {}).get("type")
    # Sources: github.com/vellum-ai/vellum-assistant/pull/37276, and
    # github.com/ex-machina-co/opencode-anthropic-auth/issues/159
    if kind == "adaptive":
        return _error("adaptive thinking is not supported on this model")
    return (
        None if kind is None else _error(f'"thinking.type.{kind}" is not supported for this model.')
    )


def _effort(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    if "effort" not in (body.get("output_config") or {}):
        return None
    # Source: github.com/anthropics/claude-code/issues/30010
    return _error("This model does not support the effort parameter.")


def _strict_tools(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    if not any(tool.get("strict") for tool in body.get("tools", [])):
        return None
    # Source: github.com/anthropics/anthropic-sdk-python/issues/1185
    return _error(
        "The compiled grammar is too large, which would cause performance issues. Simplify your "
        "tool schemas or reduce the number of strict tools."
    )


def _betas(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    names = [name.strip() for name in headers.get("anthropic-beta", "").split(",") if name.strip()]
    if not names:
        return None
    # Source: github.com/anthropics/claude-code/issues/21767
    listed = ", ".join(f"`{name}`" for name in names)
    return _error(
        f"Unexpected value(s) {listed} for the `anthropic-beta` header. Please consult our "
        "documentation at docs.anthropic.com or try again without the header."
    )


def _thinking_blocks(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    # Source: platform.claude.com, "Fix a thinking block bound to a different conversation".
    for path, block in _blocks(body):
        if block.get("type") == "thinking":
            return _error(
                f"{path}: Invalid `signature` in `thinking` block. The block is bound to a "
                "different conversation. Remove the block, or set "
                '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block". That setting '
                "requires the `thinking-binding-controls-2026-08-01` value in the "
                "`anthropic-beta` header."
            )
    return None


def _images(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    # Sources: github.com/anthropics/claude-code/issues/4778, and the code's class in the SDK 2.14.
    for path, block in _blocks(body):
        if block.get("type") == "image":
            return _error(
                f"{path}.image.source.base64.data: At least one of the image dimensions exceed "
                "max allowed size: 8000 pixels",
                code="image_dimensions_too_large",
            )
    return None


def _container(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    container = body.get("container")
    # Source: github.com/pydantic/pydantic-ai/issues/7833, and that project's tests.
    message = f"Container not found: {container}"
    return None if container is None else HttpError(404, message=message)


def _server_blocks(body: dict[str, Any], headers: Mapping[str, str]) -> HttpError | None:
    for path, block in _blocks(body):
        kind = str(block.get("type"))
        if kind.endswith("_tool_result"):
            # Source: github.com/anthropics/claude-code/issues/95406
            return _error(
                f"{path}: unexpected `tool_use_id` found in `{kind}` blocks: "
                f"{block.get('tool_use_id')}. Each `{kind}` block must have a corresponding "
                "`server_tool_use` block before it."
            )
    return None


def _blocks(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every block of the messages, and those in results of tools, with their paths."""
    for at, message in enumerate(body["messages"]):
        content = message["content"]
        for place, block in enumerate(content if isinstance(content, list) else []):
            path = f"messages.{at}.content.{place}"
            yield path, block
            inner = block.get("content") if block.get("type") == "tool_result" else None
            for within, part in enumerate(inner if isinstance(inner, list) else []):
                yield f"{path}.tool_result.content.{within}", part


_RULES: dict[Part, Callable[[dict[str, Any], Mapping[str, str]], HttpError | None]] = {
    "prefill": _prefill,
    "forced_tool": _forced_tool,
    "sampling": _sampling,
    "thinking": _thinking,
    "effort": _effort,
    "strict_tools": _strict_tools,
    "betas": _betas,
    "thinking_blocks": _thinking_blocks,
    "images": _images,
    "container": _container,
    "server_blocks": _server_blocks,
}
