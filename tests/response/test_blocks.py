"""What is made of the content blocks of a message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault
from resilient_claude.response.blocks import (
    Block,
    calls_of,
    content_of,
    is_inaudible,
)
from resilient_claude.response.bounded_json import MOST_VALUES
from tests.support.silence import nobody_hears


def closed(kind: str, *parts: str, signature: str = "", **start: Any) -> Block:
    """A whole block of type *kind*."""
    content = {"type": kind, **start}
    return Block(kind, content, parts=[*parts], signature=signature, closed=True)


def text(*parts: str, **start: Any) -> Block:
    return closed("text", *parts, **{"text": "", **start})


def tool(*parts: str, call_id: str = "toolu_1", **start: Any) -> Block:
    return closed("tool_use", *parts, **{"id": call_id, "name": "book", "input": {}, **start})


def search(*parts: str) -> Block:
    return closed("server_tool_use", *parts, id="srvtoolu_1", name="web_search", input={})


THOUGHT = closed("thinking", "A ", "table.", signature="c2ln", thinking="")
SEALED = closed("redacted_thinking", data="c2VhbGVk")


@pytest.mark.parametrize(
    "blank", ["", " ", "\n\t", "\u00a0\u2003", "\u200b\ufeff", "\x00\x1b", "\ufe0f\u2060\u2800"]
)
def test_blank_is_what_nobody_can_hear(blank: str) -> None:
    """The API rejects a text block of it, and no voice speaks it."""
    assert is_inaudible(blank)
    assert not is_inaudible(f"{blank}.{blank}")


def test_every_character_of_unicode_is_heard_or_blank() -> None:
    """Left out: surrogates, ideographs beyond the first 131,072 code points, private use."""
    points = [*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xF0000)]
    every = [chr(point) for point in points]

    assert [c for c in every if is_inaudible(c)] == [c for c in every if nobody_hears(c)]


# --- as the API takes them back -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "whole"),
    [
        (text("Hi ", "there"), {"type": "text", "text": "Hi there"}),
        (text(" there", text="Hi"), {"type": "text", "text": "Hi there"}),
        (text("Hi", text=None), {"type": "text", "text": "Hi"}),
        (THOUGHT, {"type": "thinking", "thinking": "A table.", "signature": "c2ln"}),
        (SEALED, {"type": "redacted_thinking", "data": "c2VhbGVk"}),
        (
            search('{"query": ', '"menu"}'),
            {
                "type": "server_tool_use",
                "id": "srvtoolu_1",
                "name": "web_search",
                "input": {"query": "menu"},
            },
        ),
        (
            search(),
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        ),
        (closed("hologram", photons=3), {"type": "hologram", "photons": 3}),
        (
            Block.begin({"type": "thinking", "thinking": "Hm", "signature": "c2ln"}),
            {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
        ),
        (
            closed("server_tool_use", '{"query": "x"}', id="s", name="web_search"),
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        ),
        (
            closed("compaction", "Alice ", "called.", content=None),
            {"type": "compaction", "content": "Alice called."},
        ),
    ],
)
def test_a_block_goes_back_whole(block: Block, whole: dict[str, Any]) -> None:
    """Its beginning and all of its deltas, in the API's own form."""
    block.closed = True

    assert content_of([block]) == [whole]


@pytest.mark.parametrize("kind", ["hologram", "redacted_thinking", "server_tool_use"])
def test_a_block_with_parts_that_are_newer_cannot_go_back(kind: str) -> None:
    """Without them, it would be another one."""
    block = Block.begin({"type": kind, "id": "s", "name": "web_search", "input": {}})
    block.add("photon_delta", {})
    block.closed = True

    with pytest.raises(Fault, match="cannot be sent back") as raised:
        content_of([block])

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.MALFORMED, False)


def test_text_goes_back_without_what_is_newer() -> None:
    """Its words are all there, and were heard."""
    block = text("Hi")
    block.add("mood_delta", {})

    assert content_of([block]) == [{"type": "text", "text": "Hi"}]


def test_text_goes_back_with_the_sources_that_it_began_with() -> None:
    """And with those that came later."""
    block = Block.begin({"type": "text", "text": "Hi", "citations": [{"cited_text": "a"}]})
    block.add("citations_delta", {"citation": {"cited_text": "b"}})
    block.closed = True

    (whole,) = content_of([block])

    assert whole["citations"] == [{"cited_text": "a"}, {"cited_text": "b"}]


def test_text_goes_back_with_its_sources() -> None:
    """Without them, Claude cites anew, or no more."""
    block = text("It is risotto.")
    block.citations.append({"cited_text": "risotto"})

    assert content_of([block]) == [
        {"type": "text", "text": "It is risotto.", "citations": [{"cited_text": "risotto"}]}
    ]


def test_what_is_not_complete_or_blank_does_not_go_back() -> None:
    """Half a block means something else, and blank text is a 400."""
    half = Block("text", {"type": "text", "text": ""}, parts=["Hi"])

    assert content_of([text(" "), text("Hi"), half]) == [{"type": "text", "text": "Hi"}]


def test_a_server_tools_input_that_is_no_json_cannot_go_back() -> None:
    """Another attempt would be told of a search that never was."""
    with pytest.raises(Fault, match="a server tool's input is not JSON") as raised:
        content_of([search('{"query": ')])

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.MALFORMED, False)
    assert isinstance(raised.value.__cause__, ValueError)


# --- calls --------------------------------------------------------------------------------------


def test_calls_are_ours_and_in_order() -> None:
    """What Anthropic runs is not ours to run."""
    first = tool('{"id": ', "4711}")
    blocks = [text("Let me see."), first, search(), tool(call_id="toolu_2", name="cancel")]

    assert [(call.name, call.arguments, call.call_id) for call in calls_of(blocks)] == [
        ("book", '{"id": 4711}', "toolu_1"),
        ("cancel", "{}", "toolu_2"),
    ]


@pytest.mark.parametrize("start_input", [{}, None, "", {"id": 4711}])
def test_an_input_that_came_at_once_is_the_input(start_input: Any) -> None:
    """Some gateways send no deltas."""
    (call,) = calls_of([tool(input=start_input)])

    assert json.loads(call.arguments) == (start_input or {})


def without_input(*parts: str) -> Block:
    block = tool(*parts)
    del block.start["input"]
    return block


@pytest.mark.parametrize(
    "block", [without_input('{"id": ', "4711}"), tool('{"id": 4711}', input=None)]
)
def test_an_input_that_comes_after_none_is_the_input(block: Block) -> None:
    """With `{}` in its place, the tool books for nobody."""
    (call,) = calls_of([block])

    assert call.arguments == '{"id": 4711}'


def test_an_input_may_come_twice_the_same() -> None:
    """In which case the deltas are what came, to the letter."""
    (call,) = calls_of([tool('{"id":4711 }', input={"id": 4711})])

    assert call.arguments == '{"id":4711 }'


@pytest.mark.parametrize("part", ["{}", '{"id": 47}', '{"id": 4711, "day": "Monday"}'])
def test_two_inputs_are_malformed(part: str) -> None:
    """Which of them is meant, nobody knows."""
    with pytest.raises(Fault, match="given twice, and not the same"):
        calls_of([tool(part, input={"id": 4711})])


@pytest.mark.parametrize(
    "start_input", ["{}", "4711", [], [4711], 0, 7, False, True, {"a": float("nan")}]
)
def test_an_input_at_once_that_is_no_object_is_malformed(start_input: Any) -> None:
    """What is false is not the same as nothing."""
    with pytest.raises(Fault, match="not a JSON object") as raised:
        calls_of([tool(input=start_input)])

    assert raised.value.retryable


def test_inputs_that_take_long_to_read_are_malformed() -> None:
    """Together: they are handed on together."""
    many = json.dumps({"seats": [0] * (MOST_VALUES // 2 + 1)})

    assert len(calls_of([tool(many)])) == 1
    with pytest.raises(Fault, match="more than"):
        calls_of([tool(many), tool(many, call_id="toolu_2")])


# --- what belongs where ------------------------------------------------------------------------

DELTAS: dict[str, dict[str, Any]] = {
    "text_delta": {"text": "Hi"},
    "thinking_delta": {"thinking": "Hm"},
    "input_json_delta": {"partial_json": "{"},
    "compaction_delta": {"content": "Alice called."},
    "signature_delta": {"signature": "c2ln"},
    "citations_delta": {"citation": {"cited_text": "x"}},
    "photon_delta": {"photons": 3},
}
NAMED = {key: {"name": "book"} for key in ("tool_use", "server_tool_use", "mcp_tool_use")}
KEPT, PASSED_OVER, FAULT = "kept", "passed over", "fault"
ROW = {"signature_delta": PASSED_OVER, "citations_delta": PASSED_OVER, "photon_delta": PASSED_OVER}
KNOWN = dict.fromkeys(DELTAS, FAULT) | ROW
TAKEN: dict[str, dict[str, str]] = {
    "text": {**KNOWN, "text_delta": KEPT, "citations_delta": KEPT},
    "thinking": {**KNOWN, "thinking_delta": KEPT, "signature_delta": KEPT},
    "redacted_thinking": KNOWN,
    "compaction": {**KNOWN, "compaction_delta": KEPT},
    "tool_use": {**dict.fromkeys(DELTAS, FAULT), "input_json_delta": KEPT},
    "server_tool_use": {**KNOWN, "input_json_delta": KEPT},
    "mcp_tool_use": {**KNOWN, "input_json_delta": KEPT},
    "web_search_tool_result": {**dict.fromkeys(DELTAS, PASSED_OVER), "text_delta": FAULT},
    "hologram": {**dict.fromkeys(DELTAS, PASSED_OVER), "text_delta": FAULT},
}


@pytest.mark.parametrize("kind", DELTAS)
@pytest.mark.parametrize("block_type", TAKEN)
def test_a_delta_is_kept_or_passed_over_or_a_fault(block_type: str, kind: str) -> None:
    """Nothing is dropped in between, and nothing gets where it does not belong."""
    block = Block.begin({"type": block_type, "id": "x", **NAMED.get(block_type, {"text": ""})})
    expected = TAKEN[block_type][kind]
    if expected is FAULT:
        with pytest.raises(Fault) as raised:
            block.add(kind, DELTAS[kind])
        assert (raised.value.kind, raised.value.retryable) == (FailureKind.MALFORMED, True)
        return

    weight, says = block.add(kind, DELTAS[kind])

    kept = [*block.parts, *filter(None, [block.signature]), *block.citations]
    assert kept == ([*DELTAS[kind].values()] if expected is KEPT else [])
    assert (weight > 0, says, block.passed_over) == (*[bool(kept)] * 2, not kept)


@pytest.mark.parametrize("value", [None, 7, [], {}])
@pytest.mark.parametrize(
    ("block_type", "kind"),
    [(row, kind) for row in TAKEN for kind in DELTAS if TAKEN[row][kind] is KEPT],
)
def test_a_delta_of_the_wrong_shape_is_none(block_type: str, kind: str, value: Any) -> None:
    """Half of it must not be kept."""
    if kind == "citations_delta":
        return  # a citation may have any shape, and that of none says nothing
    block = Block.begin({"type": block_type, "id": "x", **NAMED.get(block_type, {"text": ""})})
    (name,) = DELTAS[kind]

    with pytest.raises(TypeError):
        block.add(kind, {name: value})

    assert block.parts == []


def test_a_second_signature_is_malformed_unless_it_is_the_same() -> None:
    """The API rejects thinking with a wrong one, in every later turn."""
    block = Block.begin({"type": "thinking", "thinking": "", "signature": "c2ln"})
    assert block.add("signature_delta", {"signature": "c2ln"}) == (0, False)

    with pytest.raises(Fault, match="two signatures"):
        block.add("signature_delta", {"signature": "bmV1"})


@pytest.mark.parametrize("name", ["text", "thinking", "signature"])
@pytest.mark.parametrize("value", [0, 7, [], False, {}])
def test_a_block_does_not_begin_with_anything_but_text(name: str, value: Any) -> None:
    """What is false is not the same as nothing."""
    kind = "text" if name == "text" else "thinking"

    with pytest.raises(TypeError):
        Block.begin({"type": kind, name: value})


def test_a_text_block_without_text_says_nothing_else() -> None:
    """It may be missing; under another name, it would be."""
    assert not Block.begin({"type": "text", "citations": [{"cited_text": "x"}]}).counts

    with pytest.raises(Fault, match="begins with something else"):
        Block.begin({"type": "text", "tezt": "Do not "})


@pytest.mark.parametrize("part", ["{", "[]", "7", "NaN", '{"a": NaN}', "{}{}", " "])
def test_an_input_that_is_no_object_is_malformed(part: str) -> None:
    """Nothing can be called with it; another sample may be fine."""
    with pytest.raises(Fault, match="not a JSON object") as raised:
        calls_of([tool(part)])

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.MALFORMED, True)


def test_a_call_that_is_still_open_is_never_run() -> None:
    """`{"id": 47}` may be all of it, or the beginning of 4711."""
    half = tool('{"id": 47}')
    half.closed = False

    with pytest.raises(Fault, match="inside a tool call"):
        calls_of([half])


def test_two_calls_with_one_id_are_malformed() -> None:
    """One of the two would get the other's result."""
    with pytest.raises(Fault, match="two tool calls with one id"):
        calls_of([tool(), tool()])
