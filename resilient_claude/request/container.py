"""The container that code ran in at Anthropic's, from turn to turn of a conversation. Pure.

What was made in it, a file or a table, is in it and nowhere else, so the following requests name it
as long as they may run code. It is kept where livekit keeps a conversation: with the message that
it came with (the last chunk of a turn has it), or with the first call of one that says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from livekit.agents import llm

from resilient_claude.failures.redaction import identifier

MOST_ITEMS = 500
"""How many items, from the end of a history, are looked at: the time for it is bounded."""

_OF_CALL = "claude_container"  # in a call's `extra`
_OF_MESSAGE = "claude"  # in a message's: what the last chunk of its turn had


def container_extra(container: str) -> dict[str, Any]:
    """The `extra` of the first call of an answer that came with *container*."""
    return {_OF_CALL: container}


def with_container(body: dict[str, Any], items: Sequence[llm.ChatItem]) -> dict[str, Any]:
    """*body*, which names the last container of its history, unless it names one itself."""
    container = None if "container" in body else container_of(items)
    return body if container is None else {**body, "container": container}


def container_of(items: Sequence[llm.ChatItem]) -> str | None:
    """The id of the last container in a history, whose items may hold anything; None if none."""
    for item in islice(reversed(items), MOST_ITEMS):
        extra = getattr(item, "extra", None)
        if not extra or not isinstance(extra, dict):
            continue
        found = extra.get(_OF_CALL)
        if item.type == "message":
            of_turn = extra.get(_OF_MESSAGE)
            found = of_turn.get("container") if isinstance(of_turn, dict) else None
        if (container := identifier(found)) is not None:
            return container
    return None
