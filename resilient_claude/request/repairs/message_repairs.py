"""Repairs of a request's messages: prefill, signed thinking, calls and their results.

Pure. Each is a pair of functions, as `Repair` has them. Messages may be of the caller's own, and
hold anything that is JSON. What is changed is copied: requests share their messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.content import is_thinking, unthought, without
from resilient_claude.request.history.fitting import stand_in
from resilient_claude.request.request import Adjustment, Request
from resilient_claude.request.thinking import thinking_mode

from .repair import Mended, content_of, digest, field_of, kind_of, messages_of, with_messages

# --- prefill --------------------------------------------------------------------------------------


def about_prefill(request: Request, error: ApiError) -> str | None:
    """That the conversation ends with words of the assistant's."""
    last = (messages_of(request) or [None])[-1]
    if field_of(last, "role") != "assistant":
        return None
    content = field_of(last, "content")
    spoken = isinstance(content, str) or (kind_of((content_of(last) or [None])[-1]) == "text")
    return "prefill" if spoken else None


def mend_prefill(request: Request, about: str) -> Mended | None:
    """The same with a word of the user's behind them."""
    if about_prefill(request, ApiError()) is None:
        return None
    words = {"role": "user", "content": [{"text": request.go_on, "type": "text"}]}
    made = with_messages(request, [*messages_of(request), words])
    reason = "sent with a word behind the assistant's last one: the API rejects it as the end of"
    return made, Adjustment("chat_ctx", f"{reason} a conversation with model {request.model}")


# --- signed thinking ------------------------------------------------------------------------------


def about_thinking_blocks(request: Request, error: ApiError) -> str | None:
    """The last block of thinking; "" if thinking is missed where a loop of tools goes on."""
    thinking = request.body.get("thinking")
    if field_of(field_of(thinking, "block_binding"), "prefix_mismatch_behavior") == "error":
        return None  # the application wants to hear of it
    for message in reversed(messages_of(request)):
        for block in reversed(content_of(message)):
            if is_thinking(block):
                return _sealed(block)
    return "" if misses_thinking(request) else None


def mend_thinking_blocks(request: Request, about: str) -> Mended | None:
    """The same without the thinking up to that block.

    Blocks before one that is taken out may stay invalid, and blocks behind it were made without it.
    """
    messages = messages_of(request)
    made = request
    if about:
        at = _message_with(messages, lambda block: is_thinking(block) and _sealed(block) == about)
        if at is None:
            return None
        made = with_messages(request, [*unthought(messages[: at + 1]), *messages[at + 1 :]])
    if misses_thinking(made):
        made = replace(made, body=without(made.body, "thinking"))
    if made is request:
        return None
    reason = f"of earlier steps not sent back: the API rejects it for model {request.model}"
    return made, Adjustment("thinking", reason)


def _sealed(block: Any) -> str:
    return digest(block.get("signature") or block.get("data"))


def without_thinking_blocks(request: Request) -> Request:
    """*request* without any signed thinking in its messages."""
    return with_messages(request, unthought(messages_of(request)))


def misses_thinking(request: Request) -> bool:
    """Whether manual thinking is asked for where what the answer goes on with begins without.

    That is the last step of a loop of tools, or an answer that was paused.
    """
    messages = messages_of(request)
    if not messages or thinking_mode(request.body, request.asked) != "manual":
        return False
    step = content_of(messages[-1])
    if field_of(messages[-1], "role") != "assistant":
        if not step or kind_of(step[0]) != "tool_result":
            return False
        step = content_of(messages[-2]) if len(messages) > 1 else []
    return bool(step) and not is_thinking(step[0])


def _message_with(messages: list[Any], is_it: Callable[[object], bool]) -> int | None:
    """Where the last message is that has such a block."""
    for at in range(len(messages) - 1, -1, -1):
        if any(map(is_it, content_of(messages[at]))):
            return at
    return None


# --- calls and their results ----------------------------------------------------------------------


def about_tool_pairs(request: Request, error: ApiError) -> str | None:
    """That calls and results do not go together."""
    messages = messages_of(request)
    return "tool_pairs" if paired(messages) != messages else None


def mend_tool_pairs(request: Request, about: str) -> Mended | None:
    """The same without calls that have no result, and results that have no call."""
    messages = messages_of(request)
    made = paired(messages)
    if made == messages:
        return None
    reason = "not sent: calls of tools without a result, or results without a call"
    return with_messages(request, made), Adjustment("chat_ctx", reason)


def paired(messages: list[Any]) -> list[Any]:
    """*messages* in which each call is answered in the next message, and each result was asked for.

    The API combines neighbours of one role, so that a call and its result may be further apart;
    here, they are looked for in the runs of messages that are one to it.
    """
    runs: list[tuple[object, list[Any]]] = []
    for message in messages:
        role = field_of(message, "role")
        if runs and runs[-1][0] == role:
            runs[-1][1].append(message)
        else:
            runs.append((role, [message]))
    made: list[Any] = []
    for at, (role, run) in enumerate(runs):
        if role == "assistant":
            answers = _ids(runs[at + 1][1], "tool_result") if at + 1 < len(runs) else []
            made += _kept(run, "tool_use", answers, otherwise=[])
        else:
            calls = _ids(runs[at - 1][1], "tool_use") if at else []
            made += _kept(run, "tool_result", calls, otherwise=[_NO_RESULT])
    return made or messages


_ID = {"tool_use": "id", "tool_result": "tool_use_id"}
_NO_RESULT = stand_in("the result of a tool")


def _ids(run: list[Any], kind: str) -> list[Any]:
    return [
        field_of(b, _ID[kind]) for message in run for b in content_of(message) if kind_of(b) == kind
    ]


def _kept(run: list[Any], kind: str, partners: list[Any], *, otherwise: list[Any]) -> list[Any]:
    """The messages of *run* with those blocks of *kind* that have a partner, each of which once.

    Those of which nothing is left hold *otherwise*, or are left out.
    """
    left, made = [*partners], []
    for message in run:
        content = content_of(message)
        kept = []
        for block in content:
            if kind_of(block) == kind:
                if (name := field_of(block, _ID[kind])) not in left:
                    continue
                left.remove(name)
            kept.append(block)
        if len(kept) == len(content):
            made.append(message)
            continue
        kept = otherwise if all(map(is_thinking, kept)) else kept
        if kept:
            made.append({**message, "content": kept})
    return made
