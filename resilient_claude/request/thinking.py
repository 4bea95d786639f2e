"""Signed thinking: whether a request thinks, and what of it goes back with tool results. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livekit.agents import llm

from .content import GO_ON, is_thinking, unthought, without
from .models import Model
from .placing import digest_of, placed
from .prefix import PrefixDigest

_KEY = "claude"  # in a call's `extra`, where other providers leave things of their own
# By type of block: its text, if any, and then what is signed.
_THINKING_FIELDS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}


@dataclass(frozen=True, slots=True)
class ThinkingRecord:
    """The signed thinking of an answer, as a history keeps it: in the `extra` of its first call.

    There it is `{"claude": {"model": ..., "thinking": [block, ...], "prefix": ...}}`, with
    "content" and "said" in place of "thinking" where that does not just come first. No other module
    knows this shape.

    Attributes:
        model: Id of the model that has signed it; to any other it means nothing.
        thinking: The blocks as the API sent them; empty if a record was found, but is garbled.
            With *said*, its texts and calls stand among them, of a call the id alone.
        prefix: What it is bound to, see `prefix_of`; None if that was not noted.
        said: A digest of what was heard of the answer; None where that does not matter, since all
            of its thinking comes first and was not heard.
    """

    model: str
    thinking: list[dict[str, Any]]
    prefix: str | None = None
    said: str | None = None

    @classmethod
    def of(
        cls, model: str, content: list[dict[str, Any]], *, said: str, prefix: str
    ) -> ThinkingRecord:
        """The record of an answer.

        Args:
            model: Who gave it.
            content: Its thinking, alone or among its texts and calls.
            said: What was heard of it.
            prefix: What it is bound to.
        """
        comes_first = all(map(is_thinking, content))
        return cls(model, content, prefix, None if comes_first else digest_of(said))

    def to_extra(self) -> dict[str, Any]:
        """The `extra` for the first call of the answer."""
        name = "thinking" if self.said is None else "content"
        record: dict[str, Any] = {"model": self.model, name: self.thinking}
        more = {"said": self.said, "prefix": self.prefix}
        return {_KEY: record | {key: value for key, value in more.items() if value is not None}}

    @classmethod
    def from_extra(cls, extra: object) -> ThinkingRecord | None:
        """The record in a call's *extra*, with copies of its blocks; None if there is none.

        Contexts are stored, edited and passed on, so a record may hold anything.
        """
        found = extra.get(_KEY) if isinstance(extra, dict) else None
        if found is None:
            return None
        record = found if isinstance(found, Mapping) else {}
        name, is_right = ("content", _may_stand_among) if "content" in record else ("thinking", _no)
        model, thinking, said = record.get("model"), record.get(name), record.get("said")
        if (
            not isinstance(model, str)
            or not isinstance(thinking, list)
            or not all(_is_well_formed(block) or is_right(block) for block in thinking)
            or isinstance(said, str) != (name == "content")
        ):
            return cls("", [])
        prefix = record.get("prefix")
        if "prefix" in record and not isinstance(prefix, str):
            prefix = ""  # which holds for nothing
        blocks = [dict(block) for block in thinking]
        return cls(model, blocks, prefix, said if name == "content" else None)

    def put_into(self, content: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
        """*content*, a message that ends with the calls of the answer, with its thinking again.

        Returns:
            None if it does not say any more what the thinking stood among.
        """
        if self.said is None:
            return [*self.thinking, *content]
        return placed(content, self.thinking, self.said)

    def holds(self, prefix: str) -> bool:
        """Whether *prefix* is that of what the thinking is bound to."""
        return self.prefix is None or self.prefix == prefix


def with_thinking(
    body: dict[str, Any], calls: Mapping[str, llm.FunctionCall], model: Model
) -> tuple[dict[str, Any], str | None]:
    """*body*, in which the calls that it answers have the thinking again that they came with.

    It is in the calls' `ThinkingRecord`s, and goes first in the call's message, unchanged,
    while the tool loop at the end of the history is open: "It is only strictly necessary to send
    back thinking blocks when using tools with thinking. Otherwise you can omit thinking blocks
    from previous turns." Another model would not read it.

    With manual thinking (up to 4.6), a loop that does not begin with its thinking is a 400: such
    a request goes without thinking. With adaptive thinking it may be missing; what is a 400 there
    (on accounts since August 31, 2026, from Fable 5.1 and the 5.5 models on) is thinking before
    which the system, the tools or a message has changed, as after a handoff to another agent.
    Therefore it goes back only if the record's prefix, when there is one, still holds.
    Source: platform.claude.com/docs/en/build-with-claude/thinking and .../preserved-thinking.

    Args:
        body: What is to be sent.
        calls: The calls of the open tool loop, by the ids they are sent with.
        model: What it is sent to.

    Returns:
        The body, and why it goes without thinking although it asked for it, if so.
    """
    loop = open_loop(body["messages"])
    mode = thinking_mode(body, model) if loop else "off"
    if mode == "off":
        # "When thinking is disabled, an `assistant` message in the final position cannot contain
        # `thinking`": github.com/tailcallhq/forgecode/issues/1853
        return body, None
    found = _found(body["messages"], loop, calls, model)
    begins = body["messages"][loop[0]]["content"][0]  # with thinking, where server tools ran
    if mode == "manual" and loop[0] not in found and not is_thinking(begins):
        left = without(body, "thinking")
        why = "not sent: the tool calls it follows on have no thinking that could be put back"
        return left | {"messages": unthought(body["messages"])}, why
    return _put_back(body, found, are_bound=mode == "adaptive"), None


def _found(
    messages: list[dict[str, Any]],
    loop: list[int],
    calls: Mapping[str, llm.FunctionCall],
    model: Model,
) -> dict[int, tuple[ThinkingRecord, list[dict[str, Any]]]]:
    """The records of the *loop*, by where they belong, and the content of each message with it.

    From the end, since thinking must go without a gap: "You can remove thinking blocks from the
    front of the history, oldest first. Removing one from the middle invalidates" later ones.
    """
    found: dict[int, tuple[ThinkingRecord, list[dict[str, Any]]]] = {}
    for index in reversed(loop):
        content = messages[index]["content"]
        record = _record_of(content, calls)
        if record is None:
            continue  # it did not think before this call
        if not record.thinking or record.model != model.id:
            break
        whole = record.put_into(content)
        if whole is None:
            break
        found[index] = record, whole
    return found


def _record_of(
    content: list[dict[str, Any]], calls: Mapping[str, llm.FunctionCall]
) -> ThinkingRecord | None:
    """That of an answer: its first call had it, which need not be the first that was done."""
    made = (calls.get(block["id"]) for block in content if block["type"] == "tool_use")
    records = (ThinkingRecord.from_extra(call.extra) for call in made if call is not None)
    return next((record for record in records if record is not None), None)


def _put_back(
    body: dict[str, Any],
    found: Mapping[int, tuple[ThinkingRecord, list[dict[str, Any]]]],
    *,
    are_bound: bool,
) -> dict[str, Any]:
    """*body* with what was *found*, but nothing up to one that is bound to something else.

    From the front: each is bound to what is sent of those before it, in their blocks or as text.
    """
    if not found:
        return body
    messages = [*body["messages"]]
    as_it_was = PrefixDigest(body)
    made = as_it_was.copy()
    for index, (record, content) in sorted(found.items()):
        if are_bound and not record.holds(made.up_to(messages, index)):
            messages = [*body["messages"]]
            as_it_was.up_to(messages, index)
            made = as_it_was.copy()
        else:
            messages[index] = {**messages[index], "content": content}
    return body | {"messages": messages}


def without_prefill(body: dict[str, Any], model: Model) -> dict[str, Any]:
    """*body* with a word behind the assistant's last one, if it thinks before it answers.

    "You can't pre-fill the assistant response while thinking is on", the page above says.
    """
    messages = body["messages"]
    if messages[-1]["role"] != "assistant" or thinking_mode(body, model) == "off":
        return body
    return {**body, "messages": [*messages, {"role": "user", "content": [GO_ON]}]}


def asks_for_thinking(body: Mapping[str, Any]) -> bool:
    """Whether *body* says in words that are known that it is to be answered with thinking."""
    return _thinking_type(body) in ("enabled", "adaptive")


def thinking_mode(body: Mapping[str, Any], model: Model) -> str:
    """How *body* is answered: "manual", "adaptive" (which anything unknown counts as) or "off"."""
    if body.get("thinking") is None:
        return "off" if model.facts.thinks == "if asked" else "adaptive"
    kind = _thinking_type(body)
    if kind == "disabled":
        return "off"
    return "manual" if kind == "enabled" else "adaptive"


def _thinking_type(body: Mapping[str, Any]) -> object:
    thinking = body.get("thinking")
    return thinking.get("type") if isinstance(thinking, Mapping) else None


def open_loop(messages: list[dict[str, Any]]) -> list[int]:
    """Where the calls are that the end of *messages* answers, step by step; empty if it does not.

    What the caller says meanwhile stands behind the results, in the same message.
    """
    loop: list[int] = []
    at = len(messages) - 1
    while messages[at]["content"][0]["type"] == "tool_result":
        if loop and messages[at]["content"][-1]["type"] != "tool_result":
            break
        loop.insert(0, at - 1)
        at -= 2
    return loop


def _is_well_formed(block: object) -> bool:
    if not isinstance(block, dict) or not is_thinking(block):
        return False
    *text, seal = _THINKING_FIELDS[block["type"]]
    # The text may be empty, as it is by default on the newest models; what is signed may not.
    return (
        block.keys() == {"type", *text, seal}
        and all(isinstance(block[name], str) and _is_unicode(block[name]) for name in (*text, seal))
        and block[seal] != ""
    )


def _no(block: object) -> bool:
    return False


def _may_stand_among(block: object) -> bool:
    """Whether thinking may stand among this: a text with words, or the id of a call."""
    if not isinstance(block, dict):
        return False
    text = block.get("text")
    if isinstance(text, str):
        return block == {"type": "text", "text": text} and text.strip() != "" and _is_unicode(text)
    return block == {"type": "tool_use", "id": block.get("id")} and isinstance(block["id"], str)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
