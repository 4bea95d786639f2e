"""The items of a history, turned into messages span by span. Pure.

Theory of operation. The order is that of the items, with what the API asks for on top: the calls of
one answer are in one message, their results right behind them, and neighbours of one role are one
message. So an item may belong to a message that began long before it; which ones do is told by
position first, and by ids only where they cannot mislead:

- An output belongs to the call that `pairing` finds for it. A call without an answer is left out,
  and so is an output without a call.
- The message and the calls of one answer have one id, up to a slash, or one `group_id`. Others may
  have the same again later, so an answer is over with the next message of somebody else, as soon as
  its calls are answered.
- The ids that are sent are made unique at last.

A *span* is a run of items that become whole messages, whatever stands before and behind it: it
begins with words of the caller's after a message of the assistant, and nothing before them waits
for anything behind them. All that crosses is which ids are taken. So spans can be kept.

Instructions in mid-conversation become words of the caller's in a tag, as livekit's formatter does
it; of audio, the transcript counts. Where cache breakpoints are is noted; the system's text is cut
there, and between what all calls are told and what this one is.

Invariant: the spans of a history, one after the other, are the same however often it is cut in two
between them, provided that no call of the first part is answered in the second one.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

from livekit.agents import llm

from .pairing import answers_of
from .writer import BREAKPOINTS, AssistantItems, Span, SystemText, Words, Writer

_INSTRUCTIONS = "<instructions>\n{}\n</instructions>"
# What an agent tells anew for each call, behind its instructions. Source:
# livekit/agents/llm/chat_context.py, DYNAMIC_INSTRUCTIONS_MESSAGE_ID, which "must not change".
_DYNAMIC_INSTRUCTIONS = "lk.agent_task.instructions.dynamic"
_SYSTEM_ROLES = ("system", "developer")


def spans_of(
    items: Sequence[llm.ChatItem], ids: MutableMapping[str, int], *, first: bool
) -> list[Span]:
    """What *items* become; at least one span.

    Args:
        items: Those of a history, or of its end.
        ids: The ids that the spans before have taken; those of these items are added.
        first: Whether no item stands before them.
    """
    answers = answers_of(items)
    system, words, begin = _preamble(items) if first else ([], [], 0)
    writer = Writer(items, ids, first=first)
    writer.span.system = system
    if words:
        writer.say(Words(0, words))
    for entry in _entries(items, begin, answers):
        if isinstance(entry, Words):
            writer.say(entry)
        else:
            writer.answer(entry)
    return writer.finish(answers)


def _preamble(
    items: Sequence[llm.ChatItem],
) -> tuple[list[SystemText], Sequence[Any], int]:
    """The text of the system, or what else the first instructions hold; and where they end."""
    for at, item in enumerate(items):
        if item.type in ("function_call", "function_call_output"):
            break
        if item.type != "message":
            continue
        if item.role not in _SYSTEM_ROLES:
            break
        content, of_this_call, end = _content(item), list[Any](), at + 1
        after = items[1] if at == 0 and len(items) > 1 else None
        if after is not None and after.type == "message" and after.id == _DYNAMIC_INSTRUCTIONS:
            of_this_call, end = [*_content(after)], 2
        if item.role == "system" and (system := _system(content, of_this_call)):
            return system, [], end
        return [], [*content, *of_this_call], end
    return [], [], 0


_CUT = object()
"""Stands where what all calls are told ends."""


def _system(content: Iterable[Any], of_this_call: Sequence[Any]) -> list[SystemText]:
    """The text of both, cut behind what all calls are told and at breakpoints."""
    parts: list[SystemText] = []
    lines: list[str] = []
    for part in (*content, _CUT, *of_this_call):
        if isinstance(part, str):
            lines.append(part)
            continue
        is_breakpoint = isinstance(part, BREAKPOINTS)
        if not (is_breakpoint or (part is _CUT and of_this_call)):
            continue
        text = "\n".join(lines)
        if text and not text.isspace():
            parts.append(SystemText("\n" + text if parts else text, is_breakpoint))
            lines.clear()
        elif is_breakpoint and parts and not lines:
            parts[-1] = SystemText(parts[-1].text, breakpoint=True)
    text = "\n".join(lines)
    if text and (not parts or not text.isspace()):
        parts.append(SystemText("\n" + text if parts else text))
    return parts


def _content(item: llm.ChatMessage) -> Sequence[Any]:
    content: Any = item.content
    if isinstance(content, list):
        return content
    # livekit does not check what is assigned.
    return [] if content is None else [*content] if isinstance(content, tuple) else [str(content)]


def _text(content: Iterable[Any]) -> str:
    return "\n".join(part for part in content if isinstance(part, str))


def _entries(
    items: Sequence[llm.ChatItem], begin: int, answers: dict[int, int]
) -> list[Words | AssistantItems]:
    """What is said and done, in the order in which it begins."""
    entries: list[Words | AssistantItems] = []
    open_answers: dict[str, AssistantItems] = {}  # which later items may belong to
    for at in range(begin, len(items)):
        item = items[at]
        if item.type == "function_call":
            if at not in answers:
                continue
            key = item.group_id or str(item.id).partition("/")[0]
            answer = open_answers.get(key)
            if answer is None or item.call_id in answer.call_ids:
                answer = _begun(entries, open_answers, key, at)
            answer.calls.append((at, answers[at]))
            answer.call_ids.add(item.call_id)
            answer.last = max(answer.last, answers[at])
        elif item.type != "message":
            continue
        elif item.role == "assistant":
            key = str(item.id).partition("/")[0]
            answer = open_answers.get(key)
            if answer is None or answer.content is not None:
                answer = _begun(entries, open_answers, key, at)
            answer.content = _content(item)
            answer.last = max(answer.last, at)
        else:
            content = _content(item)
            if item.role in _SYSTEM_ROLES:
                text = _text(content)
                content = [_INSTRUCTIONS.format(text)] if text else []
            _close(open_answers, at)
            entries.append(Words(at, content, item if item.role == "user" else None))
    return entries


def _begun(
    entries: list[Words | AssistantItems],
    open_answers: dict[str, AssistantItems],
    key: str,
    at: int,
) -> AssistantItems:
    _close(open_answers, at)
    answer = open_answers[key] = AssistantItems(at)
    entries.append(answer)
    return answer


def _close(open_answers: dict[str, AssistantItems], at: int) -> None:
    """Nothing later than *at* belongs to an answer whose calls are answered by then."""
    for answer in open_answers.values():
        if answer.last >= at:
            break
    else:  # as in most turns
        open_answers.clear()
        return
    still_open = {key: answer for key, answer in open_answers.items() if answer.last >= at}
    open_answers.clear()  # a dict that is only deleted from gets slow
    open_answers.update(still_open)
