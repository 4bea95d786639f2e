"""A request that leaves more room for the answer, after one whose thinking left none. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .request import Adjustment, Request


def with_less_thinking(request: Request) -> tuple[Request, Adjustment] | None:
    """*request* with twice the `max_tokens`, and effort "low" where the model knows it.

    Returns:
        The request, and what has changed; None if nothing can: then it would end in the same way.
    """
    body, facts = request.body, request.asked.facts
    max_tokens = body["max_tokens"]
    most = facts.max_output_tokens
    doubled = max_tokens * 2 if most is None else min(max_tokens * 2, most)
    changed: dict[str, Any] = {"max_tokens": doubled}
    words = f"raised to {doubled}"
    config = body.get("output_config") or {}
    if "low" in facts.efforts:
        changed["output_config"] = config | {"effort": "low"}
        words += " and sent with effort low"
    if all(body.get(name) == value for name, value in changed.items()):
        return None
    made = replace(request, body={**body, **changed})
    return made, Adjustment("max_tokens", f"{words}, once: Claude thought and said nothing")
