"""The record of a turn: values in, values out, and no clock but the numbers given."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude import Failure, FailureKind, Origin, Outcome, Phase, TurnEnded
from resilient_claude.response.prices import Prices
from resilient_claude.response.translator import Translator
from resilient_claude.telemetry.record import LONG_WAIT_S, TurnRecord

FAILURE = Failure(FailureKind.RESET, Origin.REMOTE, Phase.STREAMING, "Root", "why", True)
NOTHING_USED = llm.CompletionUsage(completion_tokens=0, prompt_tokens=0, total_tokens=0)


def attempt(
    text: str = "", *, message_id: str = "msg_1", stop_reason: str | None = None
) -> Translator:
    """An attempt that cost 10 tokens of prompt and 3 of answer, and delivered *text*."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": message_id, "usage": {"input_tokens": 10}}}
    ]
    if text:
        block = {"type": "text", "text": ""}
        spoken = {"type": "text_delta", "text": text}
        events += [
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": spoken},
            {"type": "content_block_stop", "index": 0},
        ]
    end = {"stop_reason": stop_reason}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 3}})
    translator = Translator()
    translator.feed(events)
    return translator


ABANDONED = [
    (False, 100.0, False),
    (False, 100.0 + LONG_WAIT_S - 0.01, False),
    (False, 100.0 + LONG_WAIT_S, True),
    (True, 130.0, False),
]
"""Whether a word had come, when the caller left, and whether that is worth a line by itself."""


def record() -> TurnRecord:
    """Of a turn that began at 100.0 s."""
    return TurnRecord(turn_id="turn_1", model="m", provider="p", started=100.0)


def ended(turn: TurnRecord, at: float, **how: Any) -> TurnEnded:
    """What the application is told of *turn*, which ends at *at*."""
    turn.end(at, **how)
    return TurnEnded.of(turn)


def failed(turn: TurnRecord, failure: Failure, translator: Translator) -> None:
    """The last attempt fails, and no other follows."""
    turn.attempt_failed(failure, translator, now=101.0, wait_s=None)


def spoken(text: str) -> llm.ChatChunk:
    return llm.ChatChunk(id="msg_1", delta=llm.ChoiceDelta(role="assistant", content=text))


def used(prompt: int, completion: int) -> llm.CompletionUsage:
    return llm.CompletionUsage(
        completion_tokens=completion, prompt_tokens=prompt, total_tokens=prompt + completion
    )


def test_a_turn_of_which_nothing_became() -> None:
    """A caller who speaks at once: every field says nothing happened, none is missing."""
    turn = record()

    assert ended(turn, 100.5) == TurnEnded(
        turn_id="turn_1",
        outcome=None,
        stop_reason=None,
        stop_details=None,
        failure=None,
        cancelled=True,
        abandoned=False,
        discarded=False,
        attempts=0,
        causes=None,
        text_chars=0,
        tool_calls=0,
        silence_s=None,
        elapsed_s=0.5,
        usage=NOTHING_USED,
        wasted_tokens=0,
        cost_usd=0.0,
        model="m",
    )


def test_a_turn_of_two_parts_with_a_failed_attempt() -> None:
    """What was handed on is the answer's, what was not is wasted, and both are told once."""
    turn = record()
    turn.attempts = 3
    failed(turn, FAILURE, attempt())
    turn.handed_on(spoken("Let me look. "), 102.0)
    turn.part_ended(attempt("Let me look. ", stop_reason="pause_turn"))
    turn.handed_on(spoken("Risotto."), 104.0)
    turn.part_ended(attempt("Risotto.", stop_reason="end_turn"))

    assert ended(turn, 105.0, outcome=Outcome.COMPLETE) == TurnEnded(
        turn_id="turn_1",
        outcome=Outcome.COMPLETE,
        stop_reason="end_turn",
        stop_details=None,
        failure=None,
        cancelled=False,
        abandoned=False,
        discarded=False,
        attempts=3,
        causes="1 reset",
        text_chars=21,
        tool_calls=0,
        silence_s=2.0,
        elapsed_s=5.0,
        usage=used(20, 6),
        wasted_tokens=13,
        cache_hit_ratio=0.0,
        model="m",
    )


def test_a_turn_costs_what_was_wasted_too() -> None:
    """It is billed all the same, and each message once."""
    turn = record()
    turn.prices = Prices(input=1e6, output=1e7)
    failed(turn, FAILURE, attempt())
    turn.part_ended(attempt("Risotto.", stop_reason="end_turn"))

    told = ended(turn, 105.0, outcome=Outcome.COMPLETE)

    assert told.usage == used(10, 3)
    assert told.cost_usd == pytest.approx(2 * (10 + 3 * 10))


def test_an_attempt_that_failed_after_text_is_no_waste() -> None:
    """The caller heard it, so its tokens bought something: they are the turn's."""
    turn, broken = record(), attempt("One two")
    turn.handed_on(spoken("One two"), 101.0)
    failed(turn, FAILURE, broken)
    turn.part_ended(broken)

    told = ended(turn, 102.0, failure=FAILURE)

    assert (told.usage, told.wasted_tokens, told.failure) == (used(10, 3), 0, FAILURE)


def test_wasted_tokens_are_not_counted_again_when_the_part_ends() -> None:
    """The last attempt fails and ends its part: one bill, not two."""
    turn, broken = record(), attempt()
    failed(turn, FAILURE, broken)
    turn.part_ended(broken)

    told = ended(turn, 102.0, failure=FAILURE)

    assert (told.usage, told.wasted_tokens) == (NOTHING_USED, 13)


def test_the_causes_are_counted_and_the_first_is_kept() -> None:
    """Four overloads, and then a clock: "timeout" alone would send the operator astray."""
    turn = record()
    overloaded = Failure(FailureKind.OVERLOADED, Origin.REMOTE, Phase.RESPONSE, "R", "busy", True)
    timeout = Failure(FailureKind.TIMEOUT, Origin.UNKNOWN, Phase.RESPONSE, "C", "clock", True)
    for failure in (*[overloaded] * 4, timeout):
        failed(turn, failure, attempt())
    turn.end(120.0, failure=timeout)

    told = turn.as_dict()

    assert {name: told[name] for name in ("causes", "first_kind", "first_root_message")} == {
        "causes": "4 overloaded, 1 timeout",
        "first_kind": "overloaded",
        "first_root_message": "busy",
    }
    assert (told["kind"], told["root_message"]) == ("timeout", "clock")
    assert TurnEnded.of(turn).causes == "4 overloaded, 1 timeout"


@pytest.mark.parametrize(("spoken_first", "at", "abandoned"), ABANDONED)
@pytest.mark.parametrize("has_failed", [False, True])
def test_a_turn_is_abandoned_when_the_caller_leaves_in_trouble(
    has_failed: bool, spoken_first: bool, at: float, abandoned: bool
) -> None:
    """A caller who interrupts what he hears is no trouble, and one who speaks at once neither."""
    turn = record()
    if has_failed:
        failed(turn, FAILURE, attempt())
    if spoken_first:
        turn.handed_on(spoken("One"), 100.1)

    told = ended(turn, at)

    assert told.abandoned is (abandoned or (has_failed and not spoken_first))


@pytest.mark.parametrize("how", [{"outcome": Outcome.EMPTY}, {"failure": FAILURE}])
def test_a_turn_that_came_to_its_end_was_not_abandoned(how: dict[str, Any]) -> None:
    """Nobody left it: it was Claude who said nothing, or the turn that was lost."""
    turn = record()
    failed(turn, FAILURE, attempt())

    assert not ended(turn, 130.0, **how).abandoned


def test_the_last_of_several_failures_is_kept() -> None:
    """The canonical line of a recovered turn names that one, and how many there were."""
    turn = record()
    last = Failure(FailureKind.OVERLOADED, Origin.REMOTE, Phase.RESPONSE, "R", "x", True)
    failed(turn, FAILURE, attempt())
    failed(turn, last, attempt())

    assert [attempt.failure for attempt in turn.failed] == [FAILURE, last]


@pytest.mark.parametrize("delta", [None, llm.ChoiceDelta(role="assistant", content="")])
def test_a_chunk_without_text_adds_nothing_to_what_was_said(delta: llm.ChoiceDelta | None) -> None:
    """A resume quotes what was said; an empty piece of it would be a piece too many."""
    turn = record()

    turn.handed_on(llm.ChatChunk(id="msg_1", delta=delta), 101.0)

    assert (turn.said, turn.text_chars, turn.heard) == ([], 0, False)


def test_silence_begins_anew_with_every_chunk() -> None:
    """The budget is that of the caller's silence, not of the turn's length."""
    turn = record()
    turn.handed_on(spoken("One "), 101.0)
    turn.handed_on(spoken("two."), 107.0)

    assert (turn.first_heard, turn.silent_since) == (101.0, 107.0)


def test_a_turn_is_silent_since_it_started() -> None:
    """Waits and attempts before the first chunk draw on the same budget."""
    assert record().silent_since == 100.0


def test_a_tool_call_counts_as_heard() -> None:
    """It has an effect: what failed after it must not be sent again."""
    turn = record()
    turn.tool_calls = 1

    assert turn.heard


def test_the_last_chunk_tells_counts_and_outcome() -> None:
    """livekit takes the usage from it, and the chat history the outcome."""
    turn = record()
    turn.part_ended(attempt("Hi.", message_id="msg_7", stop_reason="max_tokens"))

    assert turn.last_chunk("max_tokens") == llm.ChatChunk(
        id="msg_7",
        delta=llm.ChoiceDelta(
            extra={"claude": {"outcome": "max_tokens", "stop_reason": "max_tokens"}}
        ),
        usage=used(10, 3),
    )


def test_the_last_chunk_of_a_lost_turn_tells_what_it_cost() -> None:
    """It was billed, so livekit's count of tokens must have it."""
    turn, broken = record(), attempt()
    failed(turn, FAILURE, broken)
    turn.part_ended(broken)
    turn.end(101.0, failure=FAILURE)

    assert turn.last_chunk("failed").usage == used(10, 3)


def test_the_last_chunk_of_a_turn_that_was_heard_tells_what_was_heard() -> None:
    """What failed before it is told apart, as wasted."""
    turn = record()
    failed(turn, FAILURE, attempt())
    turn.handed_on(spoken("Hi."), 101.0)
    turn.part_ended(attempt("Hi."))

    assert turn.last_chunk("complete").usage == used(10, 3)
    assert turn.wasted_tokens == 13


def test_a_part_that_never_got_an_id_leaves_the_last_one() -> None:
    """A resume that fails before `message_start` must not take the id of what was heard away."""
    turn = record()
    turn.part_ended(attempt("One", message_id="msg_7"))
    turn.part_ended(Translator())

    assert turn.last_chunk("failed").id == "msg_7"
