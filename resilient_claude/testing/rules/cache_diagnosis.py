"""Why the prompt cache missed, as the Messages API tells who asks. Pure: no I/O.

Source: platform.claude.com, "Cache diagnostics". Assumed: every comparison is ready at once.
"""

from typing import Any

from .prompt_cache import CHARS_PER_TOKEN

_FIELDS = {
    "model_changed": ("model", "speed"),
    "system_changed": ("system",),
    "tools_changed": ("tools",),
}
_UNAVAILABLE = ("thinking", "tool_choice", "output_config")


class CacheDiagnoses:
    """Remembers the requests that asked, by the ids of their messages."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, Any]] = {}

    def of(self, body: dict[str, Any], message_id: str) -> dict[str, Any] | None:
        """The `diagnostics` of the message that answers *body*.

        Args:
            body: A request that asks.
            message_id: Of the answer.
        """
        self._asked[message_id] = bare = _without_marks(body)
        previous = (body["diagnostics"] or {}).get("previous_message_id")
        if previous is None:
            return None
        before = self._asked.get(previous)
        reason = "previous_message_not_found" if before is None else _difference(before, bare)
        if reason is None:
            return None
        missed = {}
        if reason.endswith("_changed"):
            tokens = len(str(before)) // CHARS_PER_TOKEN
            missed = {"cache_missed_input_tokens": tokens}
        return {"cache_miss_reason": {"type": reason, **missed}}


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    for reason, names in _FIELDS.items():
        if any(before.get(name) != now.get(name) for name in names):
            return reason
    if any(before.get(name) != now.get(name) for name in _UNAVAILABLE):
        return "unavailable"
    messages = before["messages"]
    return None if now["messages"][: len(messages)] == messages else "messages_changed"


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_marks(each) for key, each in value.items() if key != "cache_control"}
    return [_without_marks(each) for each in value] if isinstance(value, list) else value
