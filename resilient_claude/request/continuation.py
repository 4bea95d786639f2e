"""Requests that go on with an answer that server tools paused, or that broke off. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .content import is_blank, prefill, returned
from .request import Request
from .server_calls import matched
from .thinking import thinking_mode


def continued(
    request: Request, content: list[dict[str, Any]], *, container: str | None = None
) -> Request:
    """*request*, to go on after the *content* that Claude paused at (`pause_turn`).

    Args:
        request: What was answered with *content*.
        content: The answer's content blocks so far, as the API sent them.
        container: Where its server tools run, unless the request names one itself.
    """
    messages = request.body["messages"]
    # A call beside one of ours has run only now: its result comes in the message after it.
    before = [block for message in messages for block in _blocks(message)]
    blocks = matched([returned(block) for block in content if not is_blank(block)], before)
    messages = _appended(messages, "assistant", blocks)
    body = request.body | {"messages": messages}
    if container is not None and body.get("container") is None:
        body["container"] = container
    return replace(request, body=body, begun=request.begun + len(blocks), goes_on=True)


def resumed(request: Request, said: str, *, instruction: str) -> Request:
    """*request*, to go on with an answer that broke off.

    A model that continues an assistant message gets one; the others are asked to go on.

    Args:
        request: What was being answered.
        said: How much of the answer was heard; if nothing was, the request is as good as it is.
        instruction: How to ask, with `{said}` and `{last_words}` (the last three words of it).
    """
    if not said.strip():
        return request
    messages = request.body["messages"]
    model = request.asked
    values = {"{said}": said, "{last_words}": " ".join(said.split()[-3:])}
    # In one pass, so that nothing in what was said is taken for a placeholder.
    ask = re.sub(r"\{(?:said|last_words)\}", lambda found: values[found[0]], instruction)
    if model.accepts_prefill and thinking_mode(request.body, model) == "off":
        begun, role, text = 1, "assistant", prefill(said)
    else:
        begun, role, text = 0, "user", ask
    messages = _appended(messages, role, [{"type": "text", "text": text}])
    body = request.body | {"messages": messages}
    return replace(request, body=body, go_on=ask, begun=begun, goes_on=True)


def _blocks(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else []


def _appended(
    messages: Sequence[Mapping[str, Any]], role: str, blocks: list[dict[str, Any]]
) -> list[Any]:
    """A copy of *messages* with *blocks* at the end, in the last message if it is of *role*."""
    if not blocks:
        return list(messages)
    *others, last = messages
    if last["role"] != role:
        return [*messages, {"role": role, "content": blocks}]
    content = last["content"]
    content = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*others, {**last, "content": [*content, *blocks]}]
