"""What a request gets to see of `Answer.content`. Pure: no I/O.

Source: platform.claude.com, "Extended thinking", "Controlling thinking display", and "What's new in
Claude Sonnet 5.5", "Text between tool calls".
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from resilient_claude.testing.rules.abilities import (
    notes_in_thinking,
    omits_thinking,
    thinks_unasked,
)
from resilient_claude.testing.script.answers import Answer, Part
from resilient_claude.testing.script.breaks import Break
from resilient_claude.testing.script.thoughts import Note, Thought


def as_shown(answer: Answer, body: Any) -> Answer:
    """*answer* as the request with this *body* gets it."""
    if answer.content is None or not isinstance(body, dict):
        return answer
    return replace(answer, content=_joined(list(_shown(answer, body))))


def break_as_shown(step: Break, body: Any) -> Break:
    """*step* likewise; as it is, if the answer would never reach the point at which it breaks."""
    try:
        return replace(step, answer=as_shown(step.answer, body))
    except ValueError:
        return step


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """*parts*, of which texts that are neighbours, such as a note as text, are one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, str) and isinstance(last, str):
            joined[-1] = f"{last} {part}"
        else:
            joined.append(part)
    return tuple(joined)


def _shown(answer: Answer, body: dict[str, Any]) -> Iterator[Part]:
    model = str(body.get("model"))
    thinking = body.get("thinking")
    thinking = thinking if isinstance(thinking, dict) else {}
    kind = thinking.get("type") or ("adaptive" if thinks_unasked(model) else "disabled")
    display = thinking.get("display") or ("omitted" if omits_thinking(model) else "summarized")
    for part in answer.content or ():
        if isinstance(part, Thought):
            if kind in ("adaptive", "enabled"):  # the others do not think up front
                yield part if display == "summarized" else replace(part, text="")
        elif not isinstance(part, Note):
            yield part
        elif kind == "disabled" or not notes_in_thinking(model):
            yield part.text
        else:
            yield part if kind == "between_tools" or display != "omitted" else Note("")
