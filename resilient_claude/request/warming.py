"""A request that writes what all calls share into the prompt cache, and asks for no answer. Pure.

Source: platform.claude.com/docs/en/build-with-claude/prompt-caching, "Pre-warming the cache".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from livekit.agents import llm

from resilient_claude.request.tools.schemas import ToolSchemas

from .build import build_request
from .caching import Marks, cache_control, lifetime_s, with_cache_marks
from .encoding import encode
from .fixed_fields import FixedFields
from .request import Request

_NOT_ANSWERED = "warmup"


def static_text(instructions: object) -> str:
    """What of *instructions* all calls share, as livekit's session puts it for a voice.

    Raises:
        TypeError: They are no instructions.
        ValueError: There is no word in them.
    """
    text: object = instructions
    for name in ("render_static", "render"):
        render = getattr(instructions, name, None)
        if not isinstance(instructions, str) and callable(render):
            text = render(modality="audio")
            break
    if not isinstance(text, str):
        raise TypeError(
            "instructions must be a str or livekit's Instructions, such as agent.instructions, "
            f"got {type(instructions).__name__}"
        )
    if not text.strip():
        raise ValueError("instructions must not be blank")
    return text


def warming_request(
    fixed: FixedFields,
    instructions: str,
    tools: Sequence[llm.Tool | llm.Toolset],
    schemas: ToolSchemas,
) -> Request:
    """The request of a turn with these *instructions* and *tools*, up to where a caller speaks.

    Thinking and effort are those of real turns: they are part of what is cached. What asks for
    output is left out, since there is none.

    Raises:
        ValueError: The API warms no cache with thinking of the type "enabled".
    """
    context = llm.ChatContext.empty()
    context.add_message(role="system", content=instructions)
    context.add_message(role="user", content=_NOT_ANSWERED)
    caching = fixed.options.caching
    plain = replace(fixed, options=replace(fixed.options, caching=None, tool_choice=None))
    request = build_request(plain, context, tools=tools, schemas=schemas)
    thinking = request.body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") == "enabled":
        raise ValueError(
            'warm_cache() cannot be used with thinking of the type "enabled": the API rejects it'
        )
    control = cache_control(caching)
    body: dict[str, Any] = {**request.body, "max_tokens": 0}
    for name in ("stream", "tool_choice", "diagnostics", "stop_sequences"):
        body.pop(name, None)
    if isinstance(config := body.get("output_config"), dict) and "format" in config:
        body["output_config"] = {key: value for key, value in config.items() if key != "format"}
        if not body["output_config"]:
            del body["output_config"]
    body = with_cache_marks(body, Marks(control=control, turns=False))
    encode(body)  # what cannot be sent is refused here, in the caller's frame
    return replace(request, body=body, cached_s=lifetime_s(control))
