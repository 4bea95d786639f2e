"""What tools did at Anthropic's before an answer called a tool of ours, put back with its result.

Theory of operation. A history keeps the words and the calls of an answer. While the tool loop at
its end is open, the API wants more: what was found is what Claude goes on from, and a tool that it
called together with ours has not run yet; it is run when the results of ours come. So the blocks of
such an answer are kept here, in memory and not in the history: they are long, and what is encrypted
in them is no text for a log or a trace. When the loop is closed, nobody asks for them any more:
what Claude said of them stands for them, and costs no tokens but its own.

They go back in the places that they had, if the history still says what was heard (`placing`), and
what the caller had said before: a gateway may number the calls of each answer anew, and several
callers may share an adapter. Each call needs its result behind it, but one that waits for ours;
what has lost the other half, or whose tool is not offered any more, is left out, and so is what was
forgotten: the oldest of `MOST_ANSWERS`, or what is longer than `LONGEST_ANSWER`.

Source: platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools, "Mixing server tools and
client tools in one turn".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .content import api_id, is_thinking, returned
from .models import Model
from .placing import digest_of, placed
from .prefix import PrefixDigest
from .request import Request
from .server_calls import has_its_id, is_server_call, is_server_result
from .thinking import open_loop, thinking_mode

MOST_ANSWERS = 16
LONGEST_ANSWER = 1024 * 1024
"""Of an answer that is kept, in characters."""

_CODE = ("bash_code_execution", "text_editor_code_execution")


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """An answer in which tools ran at Anthropic's.

    Attributes:
        model: Id of the model that gave it.
        blocks: All of its blocks, of a call of ours the id alone; thinking only where no
            `ThinkingRecord` has it.
        said: A digest of what was heard of it.
        prefix: What its thinking is bound to.
    """

    model: str
    blocks: list[dict[str, Any]] = field(repr=False)
    said: str
    prefix: str


class _Place(NamedTuple):
    """What an answer is known by: its first call, what the caller had said, what was heard."""

    call_id: str
    asked: str
    said: str


class ServerAnswers:
    """The last answers of that kind.

    Of two that are known by the same, as where a gateway numbers the calls of each answer anew and
    two callers say the same, neither goes back: it might be the other caller's.
    """

    def __init__(self) -> None:
        self._answers: dict[_Place, ServerAnswer | None] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def keep(
        self,
        call_id: str,
        request: Request,
        blocks: list[dict[str, Any]],
        said: Sequence[str],
        prefix: str,
        *,
        before: str = "",
    ) -> None:
        """Keep an answer, unless it holds what could not be put back.

        Args:
            call_id: Its first call.
            request: What it answers; one that goes on after a pause has the blocks before that.
            blocks: Its own, as a `ServerAnswer` has them.
            said: What was heard of all of it, in pieces.
            prefix: What its thinking is bound to.
            before: What was heard of the turn before these blocks; one that goes on after a break
                may have it in no block of its own.
        """
        last = request.body["messages"][-1]
        begun: Any = []
        if last["role"] == "assistant" and request.begun:
            begun = last["content"][-request.begun :]
        elif before.strip():
            begun = [{"type": "text", "text": before}]
        if not blocks or not all(map(has_its_id, blocks)):
            return
        kept = [returned(block) for block in (*begun, *blocks)]
        asked = _asked((request.built or request.body)["messages"])
        place = _Place(api_id(call_id), asked, digest_of("".join(said)))
        answer = ServerAnswer(request.model, kept, place.said, prefix)
        is_another = place in self._answers and self._answers[place] != answer
        self._answers[place] = None if is_another else answer
        while len(self._answers) > MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]

    def of(self, content: Sequence[Mapping[str, Any]], asked: str) -> list[ServerAnswer]:
        """The answers that the calls in *content*, an assistant message, may be from.

        Args:
            content: Its blocks.
            asked: A digest of what the caller had said before it.
        """
        ids = {block["id"] for block in content if block["type"] == "tool_use"}
        return [
            answer
            for place, answer in self._answers.items()
            if answer is not None and place.call_id in ids and place.asked == asked
        ]


def with_server_answers(
    body: dict[str, Any], answers: ServerAnswers, model: Model
) -> dict[str, Any]:
    """*body*, in which the open tool loop has what tools did at Anthropic's."""
    loop = open_loop(body["messages"])
    if not loop:
        return body
    messages, mode = [*body["messages"]], thinking_mode(body, model)
    before = PrefixDigest(body)
    restored = []
    for index in loop:
        for answer in answers.of(messages[index]["content"], _asked(messages[:index])):
            keeps = mode != "off" and answer.model == model.id
            keeps = keeps and (mode == "manual" or answer.prefix == before.up_to(messages, index))
            blocks = [block for block in answer.blocks if keeps or not is_thinking(block)]
            content = placed(messages[index]["content"], blocks, answer.said)
            if content is not None:
                messages[index] = {**messages[index], "content": content}
                restored.append(index)
                break
    for index, content in _paired(messages, restored, body):
        messages[index] = {**messages[index], "content": content}
    return body | {"messages": messages} if restored else body


def _asked(messages: Sequence[Mapping[str, Any]]) -> str:
    """A digest of what the caller says in *messages*."""
    contents = [message["content"] for message in messages if message["role"] == "user"]
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return digest_of("".join(str(block.get("text", "")) for block in blocks))


def _paired(
    messages: list[dict[str, Any]], restored: list[int], body: Mapping[str, Any]
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The messages at *restored*, without calls and results that lack the other half."""
    offered = _names(body)
    blocks = [block for index in restored for block in messages[index]["content"]]
    results = {block["tool_use_id"]: block for block in blocks if is_server_result(block)}
    end = messages[-1]["content"]
    waits = all(block["type"] == "tool_result" for block in end) and len(messages) - 2
    kept: set[str] = set()
    for index in restored:
        content: list[dict[str, Any]] = []
        is_whole = True
        for block in messages[index]["content"]:
            if is_server_call(block):
                result = results.get(block["id"])
                stays = index == waits if result is None else _refers_to(result) <= offered
                if not stays or _tool_of(block) not in offered:
                    is_whole = False
                    continue
                kept.add(block["id"])
            elif is_server_result(block) and block["tool_use_id"] not in kept:
                is_whole = False
                continue
            elif is_thinking(block) and not is_whole:  # it is bound to what was left out
                content = [each for each in content if not is_thinking(each)]
                continue
            content.append(block)
        yield index, content


def _names(body: Mapping[str, Any]) -> set[str]:
    """What the tools of *body* are called, and the servers of its toolsets."""
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    return {str(tool.get(key)) for tool in tools for key in ("name", "mcp_server_name")}


def _tool_of(use: Mapping[str, Any]) -> str:
    """What the tool that made this call is offered as."""
    if use["type"] == "mcp_tool_use":
        return str(use.get("server_name"))
    name = str(use.get("name"))
    return "code_execution" if name in _CODE else name


def _refers_to(result: Mapping[str, Any]) -> set[str]:
    """The tools that *result* has found; one that is not there any more is a 400."""
    content = result.get("content")
    references = content.get("tool_references") if isinstance(content, Mapping) else None
    found = references if isinstance(references, list) else []
    return {str(each.get("tool_name")) for each in found if isinstance(each, Mapping)}
