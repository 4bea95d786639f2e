"""The blocks that the parts of an answer's content come in. Pure: no I/O, no clock."""

from collections.abc import Iterator
from typing import Any

from .answers import Answer, ToolUse
from .server_tools import Cited, ServerToolUse
from .thoughts import Thought, seal


def content_of(answer: Answer, serial: int) -> Iterator[dict[str, Any]]:
    """The blocks of `Answer.content`, whole."""
    before: list[dict[str, Any]] = []
    for index, part in enumerate(answer.content or ()):
        if isinstance(part, ToolUse):
            blocks = [{**tool_start(part, serial, index), "input": dict(part.input)}]
        elif isinstance(part, ServerToolUse):
            blocks = list(part.blocks(f"srvtoolu_{serial:020d}{index:04d}"))
        elif isinstance(part, Cited):
            blocks = [part.block()]
        elif isinstance(part, str):
            blocks = [{"type": "text", "text": part}]
        else:
            signature = seal(part.text, before)
            blocks = [{"type": "thinking", "thinking": part.text, "signature": signature}]
        before += blocks
        yield from blocks


def lasting_of(answer: Answer) -> dict[int, float]:
    """How long each block of `Answer.content` that takes its time does so, in seconds, by index."""
    lasting, index = {}, 0
    for part in answer.content or ():
        if isinstance(part, ServerToolUse) and part.is_finished and not part.was_called_before:
            index += 1  # it is the result that takes its time
        if isinstance(part, Thought | ServerToolUse) and part.lasts_s:
            lasting[index] = part.lasts_s
        index += 1
    return lasting


def tool_start(tool: ToolUse, serial: int, index: int) -> dict[str, Any]:
    """The block of *tool* without its input."""
    call_id = tool.id or f"toolu_{serial:020d}{index:04d}"
    return {"type": "tool_use", "id": call_id, "name": tool.name, "input": {}}
