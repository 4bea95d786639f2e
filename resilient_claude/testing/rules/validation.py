"""Whether a request keeps the documented rules of the Messages API. Pure: no I/O.

Wordings are the API's where they are public; where a rule or a wording is our reading of the
documentation, a comment says `Assumed`.
"""

import json
from collections.abc import Mapping
from typing import Any

from resilient_claude.testing.script.answers import HttpError

from .abilities import accepts_sampling
from .content_blocks import NEW_VERSION, check_block
from .many_images import check_media
from .messages import check_messages
from .model_settings import (
    check_begins_with_thinking,
    check_effort,
    check_max_tokens,
    check_speed,
    check_thinking,
)
from .shapes import InvalidRequestError, check_choice, check_keys, check_type, require_type
from .tools import check_caching, check_tools

_VERSIONS = ("2023-01-01", "2023-06-01", NEW_VERSION)
_SAMPLING = ("temperature", "top_p", "top_k")
# Source: the body that `Messages.create` of the anthropic SDK 2.12 builds.
_FIELDS = (
    "model",
    "messages",
    "max_tokens",
    "cache_control",
    "container",
    "diagnostics",
    "inference_geo",
    "metadata",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "thinking",
    "tool_choice",
    "tools",
)
# Assumed: the limit of the API reference.
_MAX_USER_ID_LENGTH = 256
# Assumed: no limit is documented. The API's wordings are those of a parser (orjson) that stops at
# 1,024, and the one that reads the body here stops before that: a rule that holds everywhere lies
# well below both.
_MAX_DEPTH = 500
_NO_JSON = "The request body is not valid JSON"
_TOO_DEEP = f"{_NO_JSON}: recursion limit exceeded"  # Assumed wording.


def validate(headers: Mapping[str, str], raw_body: bytes) -> HttpError | None:
    """Return the documented error for a `POST /v1/messages`, or None when there is none.

    Args:
        headers: By lower-case name.
        raw_body: The request's body.
    """
    error = validate_headers(headers)
    if error is not None:
        return error
    try:
        _check_body(_parse(raw_body), headers)
    except InvalidRequestError as exc:
        return HttpError(400, message=str(exc))
    return None


def validate_headers(headers: Mapping[str, str]) -> HttpError | None:
    """Return the documented error for the headers of any request, or None."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    if not headers.get("x-api-key") and bearer in ("", headers.get("authorization")):
        return HttpError(401, message="x-api-key header is required")
    version = headers.get("anthropic-version")
    if not version:
        return HttpError(400, message="anthropic-version: header is required")
    if version not in _VERSIONS:
        return HttpError(400, message=f'anthropic-version: "{version}" is not a valid version')
    return None


def _parse(raw_body: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw_body, parse_constant=_refuse_constant)
        # An escape of half a character. The wording is the API's, without the position.
        # Source: answers of the API that anthropics/claude-code's issues quote.
        if b"\\u" in raw_body:
            json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequestError(f"{_NO_JSON}: no low surrogate in string") from exc
    except ValueError as exc:
        raise InvalidRequestError(f"{_NO_JSON}: {exc}") from exc
    except RecursionError as exc:
        raise InvalidRequestError(_TOO_DEEP) from exc
    if _depth(body) > _MAX_DEPTH:
        raise InvalidRequestError(_TOO_DEEP)
    if not isinstance(body, dict):
        raise InvalidRequestError("Input should be a valid dictionary")
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _depth(value: object) -> int:
    """How many lists and objects stand within each other in *value*, without recursion."""
    depth, level = 0, [value]
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        level = [
            child for part in level for child in (part.values() if isinstance(part, dict) else part)
        ]
    return depth


def _check_body(body: dict[str, Any], headers: Mapping[str, str]) -> None:
    version = headers["anthropic-version"]
    # Assumed: any beta header permits the fields of any beta.
    fields = ("context_management", "mcp_servers") if headers.get("anthropic-beta") else ()
    sampling = () if version == NEW_VERSION else _SAMPLING
    check_keys(body, "", (*_FIELDS, *sampling, *fields))
    model = require_type(body, "model", str, "")
    if not model:
        raise InvalidRequestError("model: String should have at least 1 character")
    messages = require_type(body, "messages", list, "")
    if require_type(body, "max_tokens", int, "") < 0:
        raise InvalidRequestError("max_tokens: Input should be greater than or equal to 0")
    _check_plain_fields(body)
    _check_sampling(body, model)
    betas = headers.get("anthropic-beta", "")
    check_max_tokens(body)
    check_effort(body)
    check_speed(body, betas)
    if "thinking" in body:
        check_thinking(body, betas)
    _check_system(body.get("system", ""), version)
    turns = check_messages(messages, model=model, version=version)
    check_begins_with_thinking(body.get("thinking"), turns)
    check_media(turns, model)
    check_tools(body, turns)
    check_caching(body)
    _check_warming(body)


def _check_plain_fields(body: dict[str, Any]) -> None:
    # Assumed: what the SDK does not type as Optional may not be null.
    if "stream" in body:
        check_type(body["stream"], bool, "stream")
    if "service_tier" in body:
        check_choice(body["service_tier"], ("auto", "standard_only"), "service_tier")
    if body.get("output_config") is not None:
        check_type(body["output_config"], dict, "output_config")
    sequences = body.get("stop_sequences", [])
    check_type(sequences, list, "stop_sequences")
    for index, sequence in enumerate(sequences):
        check_type(sequence, str, f"stop_sequences.{index}")
        if not sequence.strip():
            raise InvalidRequestError(
                "stop_sequences: each stop sequence must contain non-whitespace"
            )
    metadata = body.get("metadata", {})
    check_type(metadata, dict, "metadata")
    check_keys(metadata, "metadata", ("user_id",))
    user_id = metadata.get("user_id")
    if user_id is not None:
        check_type(user_id, str, "metadata.user_id")
        if len(user_id) > _MAX_USER_ID_LENGTH:
            raise InvalidRequestError(
                f"metadata.user_id: String should have at most {_MAX_USER_ID_LENGTH} characters"
            )


def _check_sampling(body: dict[str, Any], model: str) -> None:
    given = {name: body[name] for name in _SAMPLING if body.get(name) is not None}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidRequestError(f"{name}: Input should be a valid number")
        if value < 0 or (name != "top_k" and value > 1):
            raise InvalidRequestError(f"{name}: Input is out of range, got {value}")
        # Assumed: the defaults are temperature 1, top_p 1 and no top_k.
        is_default = name != "top_k" and value == 1
        if not is_default and not accepts_sampling(model):
            raise InvalidRequestError(f"`{name}` is deprecated for this model.")


def _check_system(system: object, version: str) -> None:
    if isinstance(system, str):
        return  # Assumed: an empty system prompt is none.
    check_type(system, list, "system")
    assert isinstance(system, list)
    for index, block in enumerate(system):
        check_block(block, f"system.{index}", role="system", version=version)


def _check_warming(body: dict[str, Any]) -> None:
    """Refuse a request without output tokens that asks for output.

    Source: platform.claude.com, "Prompt caching", "Pre-warming the cache", "Limitations". Manual
    thinking is among them, but its budget has been refused before.
    """
    if body["max_tokens"] != 0:
        return
    asked = {
        "stream": body.get("stream") is True,
        "output_config.format": (body.get("output_config") or {}).get("format") is not None,
        "tool_choice": body.get("tool_choice", {}).get("type") in ("any", "tool"),
    }
    for name, is_asked in asked.items():
        if is_asked:
            # Assumed wording.
            raise InvalidRequestError(f"max_tokens: 0 is not supported with `{name}`")
