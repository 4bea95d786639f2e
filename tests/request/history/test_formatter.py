"""Items turned into messages: as livekit does it, and whatever else a history holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.agents import llm

from resilient_claude.request.encoding import encode
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.history.writer import NOBODY_SPOKE
from tests.benchmarks import conversation
from tests.support.builders import chat

BREAKPOINT: Any = getattr(llm, "CacheBreakpoint", None)
MARK = object()
"""Stands for one of them in parameters."""

Messages: TypeAlias = tuple[list[dict[str, Any]], list[str]]


def messages_of(histories: HistoryCache, chat_ctx: llm.ChatContext) -> Messages:
    """The messages and the system's texts."""
    settled, new, _ = histories.history(chat_ctx)
    spans = [*settled.spans, *new]
    assert sum(span.count for span in spans) == len(chat_ctx.items)
    return (
        [message for span in spans for message in span.messages],
        [text for text in ["".join(t.text for span in spans for t in span.system)] if text],
    )


def fresh_messages(chat_ctx: llm.ChatContext) -> Messages:
    """As of a conversation's first request."""
    return messages_of(HistoryCache(), chat_ctx)


def livekits_messages(chat_ctx: llm.ChatContext) -> Messages:
    """As livekit's own formatter has them, blank texts taken out."""
    messages, data = chat_ctx.to_provider_format(
        "anthropic", inject_dummy_user_message=False, inject_trailing_user_message=False
    )
    kept: list[dict[str, Any]] = []
    for message in messages:
        content = [b for b in message["content"] if b["type"] != "text" or b["text"].strip()]
        if content and kept and kept[-1]["role"] == message["role"]:
            kept[-1]["content"] += content
        elif content:
            kept.append({**message, "content": content})
    if kept and kept[0]["role"] == "assistant":
        kept.insert(0, NOBODY_SPOKE)
    return kept, [text for text in ["".join(data.system_messages or [])] if text]


WORDS = st.sampled_from(["Hello.", "", " ", "\n", "é👋", "[1]", " [", '"\\', "\ud83d", "\x7f\x00"])
SPOKEN = st.sampled_from(["Hello.", "Yes, please.", "\u00e9\U0001f44b", " ", ""])
PROMPTS: st.SearchStrategy[Any] = st.sampled_from([["Be kind."], ["Be kind.", "And brief."]])
OBJECTS = st.sampled_from(["", "{}", '{"a":1}', '{"a":{"b":[null,true,"x"]}}', '{"a":1,"a":2}'])
ODD_ARGUMENTS = st.sampled_from(
    ['{"a":1.5}', '{"a":NaN}', '{"a":1e400}', "[]", "{", '"{}"', '{"a":"\\ud83d"}', "7", " {} "]
)
ODD_IDS = st.sampled_from(["/1", "1", "2", "1/fnc_0", "1/fnc_1", "2/fnc_0", "c.1", ""])


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Messages, and calls with their results right behind them; now and then something odd."""
    items: list[Any] = []

    def usually(usual: Any, odd: st.SearchStrategy[Any]) -> Any:
        return draw(odd) if draw(st.integers(0, 29)) == 17 else usual

    for number in range(draw(st.integers(0, 6))):
        group = usually(str(number), ODD_IDS)
        if draw(st.booleans()):
            role: Any = usually(draw(st.sampled_from(["user", "assistant"])), st.just("developer"))
            role = "system" if number == 0 and draw(st.booleans()) else role
            content: list[Any] = draw(st.lists(WORDS, max_size=2))
            items.append(llm.ChatMessage(id=group, role=role, content=content))
            continue
        ids = [usually(f"{group}-{n}", ODD_IDS) for n in range(draw(st.integers(1, 2)))]
        for n, call_id in enumerate(ids):
            call = llm.FunctionCall(
                id=f"{group}/fnc_{n}",
                call_id=call_id,
                name="weather",
                arguments=usually(draw(OBJECTS), ODD_ARGUMENTS),
                group_id=usually(None, st.just("g")),
            )
            items.append(call)
        for call_id in ids:
            output, failed = draw(WORDS), draw(st.booleans())
            items.append(
                llm.FunctionCallOutput(
                    call_id=usually(call_id, ODD_IDS),
                    name="weather",
                    output=output,
                    is_error=failed,
                )
            )
    return items


# Older releases take instructions in mid-conversation for the system's.
INLINE_INSTRUCTIONS = not livekits_messages(chat(("user", "Hi."), ("system", "Be kind.")))[1]


@st.composite
def sessions(draw: st.DrawFn) -> list[Any]:
    """What a session leaves: distinct ids, answers in any order behind their calls, interruptions.

    Livekit puts the message of an answer where the caller heard it, which may be behind its calls.
    """
    items: list[Any] = []
    if draw(st.booleans()):
        items.append(llm.ChatMessage(role="system", content=draw(PROMPTS)))
    for number in range(draw(st.integers(0, 6))):
        said: list[Any] = draw(st.lists(SPOKEN, min_size=1, max_size=2))
        items.append(llm.ChatMessage(id=f"u{number}", role="user", content=said))
        if INLINE_INSTRUCTIONS and draw(st.integers(0, 4)) == 4:
            items.append(llm.ChatMessage(role="system", content=draw(st.lists(SPOKEN, max_size=2))))
        for step in range(draw(st.integers(0, 2))):
            items += draw(_answers(f"a{number}-{step}"))
        if draw(st.booleans()):
            words: list[Any] = draw(st.lists(SPOKEN, min_size=1, max_size=2))
            items.append(llm.ChatMessage(id=f"a{number}", role="assistant", content=words))
        if draw(st.integers(0, 4)) == 4:
            items.append(llm.AgentHandoff(new_agent_id="next"))
    return items


@st.composite
def _answers(draw: st.DrawFn, group: str) -> list[Any]:
    """A message and calls of one answer, with the calls' outputs."""
    calls: list[Any] = []
    outputs: list[Any] = []
    for n in range(draw(st.integers(1, 3))):
        made: dict[str, Any] = {
            "call_id": f"{group}_{n}",
            "name": draw(st.sampled_from(["book", "weather"])),
        }
        call = llm.FunctionCall(id=f"{group}/fnc_{n}", arguments=draw(OBJECTS), **made)
        output = draw(WORDS)
        came = llm.FunctionCallOutput(output=output, is_error=False, **made)
        if "[1]" in output or draw(st.integers(0, 9)) != 9:
            outputs.append(came.model_copy(update={"output": "Done."}) if "[" in output else came)
        calls.append(call)
    said = [llm.ChatMessage(id=group, role="assistant", content=[draw(SPOKEN)])]
    said = said if draw(st.booleans()) else []
    outputs = draw(st.permutations(outputs))
    return [*calls, *said, *outputs] if draw(st.booleans()) else [*said, *calls, *outputs]


def unknown(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """*messages* as the encoder sees those of which nothing is known."""
    return [{**message} for message in messages]


@settings(max_examples=600, deadline=None)
@given(sessions())
def test_a_session_becomes_what_livekits_formatter_makes_of_it(items: list[Any]) -> None:
    """What its authors have thought of, it does right: who comes from there finds no difference."""
    context = llm.ChatContext(items)
    messages, system = fresh_messages(context)

    assert (messages, system) == livekits_messages(context)


@settings(max_examples=300, deadline=None)
@given(histories())
def test_what_is_encoded_at_once_is_what_every_encoder_writes(items: list[Any]) -> None:
    """A message's JSON is kept for the whole call."""
    messages, _ = fresh_messages(llm.ChatContext(items))

    assert encode({"messages": messages}) == encode({"messages": unknown(messages)})


CALL = llm.FunctionCall(id="m1/fnc_0", call_id="a", name="weather", arguments='{"city":"Paris"}')
OTHER = llm.FunctionCall(id="m1/fnc_1", call_id="b", name="weather", arguments="{}")
USUAL: dict[str, llm.ChatContext] = {
    "nothing": chat(),
    "a hundred items": conversation.long(),
    "a system message first": chat(("system", "Be kind."), ("user", "Hello?")),
    "an assistant who opens": chat(("assistant", "Hello.")),
    "parallel calls of one answer": chat(
        llm.ChatMessage(id="m1", role="assistant", content=["Let me see."]),
        CALL,
        OTHER,
        ("output", "a", "Sunny"),
        ("output", "b", "Rainy"),
    ),
    "a tool that failed": chat(CALL, ("output", "a", "", "failed")),
}


def kinds_of(chat_ctx: llm.ChatContext) -> str:
    """The messages' blocks, in short: texts as they are, calls by `id(name)`, results by `=id`."""
    words: list[str] = []
    for message in fresh_messages(chat_ctx)[0]:
        blocks = []
        for block in message["content"]:
            if block["type"] == "tool_use":
                blocks.append(f"{block['id']}({block['name']})")
            elif block["type"] == "tool_result":
                blocks.append(f"={block['tool_use_id']}:{block['content']}")
            else:
                blocks.append(block.get("text", block["type"]))
        words.append(f"{message['role'][0]}[{' '.join(blocks)}]")
    return " ".join(words)


def message(message_id: str, role: Any, *content: Any) -> llm.ChatMessage:
    return llm.ChatMessage(id=message_id, role=role, content=[*content])


def call(item_id: str, call_id: str, name: str = "book", group_id: str | None = None) -> Any:
    return llm.FunctionCall(
        id=item_id, call_id=call_id, name=name, arguments="{}", group_id=group_id
    )


@pytest.mark.parametrize(
    ("chat_ctx", "sent"),
    [
        (
            chat(message("x", "user", "A"), ("assistant", "B"), message("x", "user", "C")),
            "u[A] a[B] u[C]",
        ),
        (
            chat(("user", "A"), message("x/2", "assistant", "B"), message("x/4", "assistant", "C")),
            "u[A] a[B C]",
        ),
        (
            chat(
                ("user", "A"),
                call("g/0", "t:0", group_id="g"),
                ("output", "t:0", "1"),
                ("user", "B"),
                call("g/0", "t:0", group_id="g"),
                ("output", "t:0", "2"),
            ),
            "u[A] a[t_0(book)] u[=t_0:1 B] a[t_0_2(book)] u[=t_0_2:2]",
        ),
        (
            chat(
                ("user", "A"),
                call("x/0", "a"),
                ("output", "a", "1"),
                message("x", "assistant", "Let me see."),
            ),
            "u[A] a[Let me see. a(book)] u[=a:1]",
        ),
        (
            chat(
                ("user", "A"),
                call("x/0", "a"),
                ("user", "B"),
                call("y/0", "b"),
                ("output", "b", "2"),
                ("output", "a", "1"),
            ),
            "u[A] a[a(book)] u[=a:1 B] a[b(book)] u[=b:2]",
        ),
        (
            chat(
                ("user", "A"),
                call("x/0", "f:0", "a.b"),
                ("output", "f:0", "1"),
                call("y/0", "f.0", ""),
                ("output", "f.0", "2"),
                call("z/0", "f_0_2"),
                ("output", "f_0_2", "3"),
            ),
            "u[A] a[f_0(a_b_2e7336dc)] u[=f_0:1] a[f_0_2(_e3b0c442)] u[=f_0_2:2]"
            " a[f_0_2_2(book)] u[=f_0_2_2:3]",
        ),
    ],
)
def test_order_and_pairs_are_those_of_the_list(chat_ctx: llm.ChatContext, sent: str) -> None:
    """Ids recur, in histories of other providers above all; positions do not."""
    assert kinds_of(chat_ctx) == sent


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_mark_at_the_end_of_the_instructions_changes_nothing(role: Any) -> None:
    """It stands there in every turn of a session, and is no word."""
    if BREAKPOINT is None:
        pytest.skip("this livekit-agents has none")
    plain = chat((role, "Be kind."), ("user", "Hi."))
    marked = chat((role, "Be kind.", BREAKPOINT()), ("user", "Hi.", BREAKPOINT()))

    assert fresh_messages(marked) == fresh_messages(plain) == livekits_messages(marked)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (("a", MARK, "b"), [("a", True), ("\nb", False)]),
        ((MARK, "a", MARK, MARK, "b", "c", MARK), [("a", True), ("\nb\nc", True)]),
        (("a", " ", MARK, " ", MARK), [("a\n ", True)]),
        (("", MARK, "a"), [("\na", False)]),
    ],
)
def test_a_mark_cuts_the_instructions(content: Any, parts: list[tuple[str, bool]]) -> None:
    """What stands before it is the same in all calls, and no word gets lost."""
    if BREAKPOINT is None:
        pytest.skip("this livekit-agents has none")
    content = [BREAKPOINT() if part is MARK else part for part in content]

    _, (span,), _ = HistoryCache().history(chat(("system", *content)))

    assert [tuple(part) for part in span.system] == parts


def test_marks_are_found_in_messages_wherever_their_words_end_up() -> None:
    """Neighbours of one role become one message, and what does not begin with words is none."""
    if BREAKPOINT is None:
        pytest.skip("this livekit-agents has none")
    mark = BREAKPOINT()
    first = [("user", mark, "A", mark), ("user", "B", mark), ("assistant", "C", mark)]
    then = [("user", "D"), ("assistant", "E"), ("user", "F", mark)]

    settled, new, _ = HistoryCache().history(chat(*first, *then))

    assert settled.breakpoints == [(0, 0), (0, 1), (1, 0)]
    assert new[0].breakpoints == [(0, 0)]


def test_what_changes_from_call_to_call_belongs_to_the_system() -> None:
    """livekit keeps it in a message of its own, whose id tells."""
    context = chat(
        ("system", "Be kind."),
        message("lk.agent_task.instructions.dynamic", "system", "It is noon."),
        ("user", "Hi."),
    )

    assert fresh_messages(context)[1] == ["Be kind.\nIt is noon."]
    _, (span,), _ = HistoryCache().history(context)
    assert [text.text for text in span.system] == ["Be kind.", "\nIt is noon."]
