"""One row per stop reason, and what is read from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.response.outcomes import (
    ENDINGS,
    LONGEST_EXPLANATION,
    Ending,
    Outcome,
    StopDetails,
    deserves_warning,
    ending_of,
)

BY_NAME = pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.stop_reason)


def test_a_stop_reason_has_one_row() -> None:
    """Of two rows, only one would ever be read."""
    names = [ending.stop_reason for ending in ENDINGS]

    assert len({*names}) == len(names)


def test_every_outcome_of_a_message_has_a_row() -> None:
    """Two are found in what came, not in why it ended."""
    found = {Outcome.EMPTY, Outcome.NO_ACTION}

    assert {ending.outcome for ending in ENDINGS} == {*Outcome} - found


@BY_NAME
def test_a_row_is_found_by_its_stop_reason(ending: Ending) -> None:
    """What the table says is what everything reads."""
    assert ending_of(ending.stop_reason) is ending


@pytest.mark.parametrize("stop_reason", ["a_new_reason", "", None])
def test_a_stop_reason_without_a_row_ends_an_answer(stop_reason: str | None) -> None:
    """A word that is new today must not end the calls of today."""
    end_turn = ending_of("end_turn")

    assert ending_of(stop_reason) == replace(end_turn, stop_reason=None, known=False)


@pytest.mark.parametrize(
    ("stop_reason", "kind", "retryable", "origin", "words"),
    [
        ("end_turn", FailureKind.EMPTY, True, None, "neither text nor tool calls"),
        ("tool_use", FailureKind.EMPTY, True, None, "calls none"),
        ("stop_sequence", FailureKind.EMPTY, True, None, "neither text nor tool calls"),
        ("max_tokens", FailureKind.TRUNCATED, False, Origin.CALLER, "raise max_tokens"),
        (
            "model_context_window_exceeded",
            FailureKind.TRUNCATED,
            False,
            Origin.CALLER,
            "shorten the chat context",
        ),
        ("refusal", FailureKind.REFUSAL, False, Origin.REMOTE, "refused to answer"),
        ("pause_turn", FailureKind.TRUNCATED, False, Origin.REMOTE, "did not finish"),
        ("a_new_reason", FailureKind.EMPTY, True, None, "neither text nor tool calls"),
    ],
)
def test_what_an_ending_without_output_is(
    stop_reason: str, kind: FailureKind, retryable: bool, origin: Origin | None, words: str
) -> None:
    """Another sample helps only where the first one ended of its own accord."""
    fault = ending_of(stop_reason).fault()

    assert (fault.kind, fault.retryable, fault.origin) == (kind, retryable, origin)
    assert words in str(fault)


@BY_NAME
def test_what_may_be_cut_is_not_whole(ending: Ending) -> None:
    """A call that may be half is never run, so such a message cannot count as all there was."""
    assert not (ending.whole and ending.cuts_tools)


@pytest.mark.parametrize(
    ("outcome", "stop_reason", "expected"),
    [
        (Outcome.COMPLETE, "end_turn", False),
        (Outcome.COMPLETE, "tool_use", False),
        (Outcome.COMPLETE, "pause_turn", False),
        (Outcome.COMPLETE, None, False),
        (Outcome.STOP_SEQUENCE, "stop_sequence", False),
        (Outcome.MAX_TOKENS, "max_tokens", True),
        (Outcome.CONTEXT_EXCEEDED, "model_context_window_exceeded", True),
        (Outcome.REFUSED, "refusal", True),
        (Outcome.PAUSE_TURN, "pause_turn", True),
        (Outcome.EMPTY, "end_turn", True),
        (Outcome.NO_ACTION, "tool_use", True),
        (Outcome.COMPLETE, "a_new_reason", True),
    ],
)
def test_what_the_operator_hears_of(
    outcome: Outcome, stop_reason: str | None, expected: bool
) -> None:
    """Answers that are not whole, and words that are new; a log of the rest is read by nobody."""
    assert deserves_warning(outcome, stop_reason) is expected


@pytest.mark.parametrize(
    ("given", "details"),
    [
        (None, None),
        ("refusal", None),
        ({}, StopDetails()),
        ({"category": "bio"}, StopDetails("bio")),
        ({"category": "two words", "explanation": 5}, StopDetails()),
        ({"category": ["bio"], "explanation": ""}, StopDetails()),
        ({"explanation": "x" * 5000}, StopDetails(None, "x" * LONGEST_EXPLANATION)),
    ],
)
def test_details_of_a_refusal_are_read_whatever_they_are(
    given: object, details: StopDetails | None
) -> None:
    """They come from the network, and the category goes into the log."""
    assert StopDetails.of(given) == details
