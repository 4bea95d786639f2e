"""How a stream ended, and what that means for the turn. Pure."""

from __future__ import annotations

from enum import StrEnum

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import Fault


class Outcome(StrEnum):
    """How a stream ended, once it ended properly. The values are part of the public API."""

    COMPLETE = "complete"
    STOP_SEQUENCE = "stop_sequence"
    MAX_TOKENS = "max_tokens"
    CONTEXT_EXCEEDED = "context_exceeded"
    REFUSED = "refused"
    PAUSE_TURN = "pause_turn"
    EMPTY = "empty"


OUTCOMES = {
    "end_turn": Outcome.COMPLETE,
    "tool_use": Outcome.COMPLETE,
    "stop_sequence": Outcome.STOP_SEQUENCE,
    "max_tokens": Outcome.MAX_TOKENS,
    "model_context_window_exceeded": Outcome.CONTEXT_EXCEEDED,
    "refusal": Outcome.REFUSED,
    "pause_turn": Outcome.PAUSE_TURN,
}

CUTS_TOOLS = (Outcome.MAX_TOKENS, Outcome.CONTEXT_EXCEEDED, Outcome.REFUSED)


_ADVICE = {
    Outcome.MAX_TOKENS: "max_tokens was reached before the answer or its tool call was complete: "
    "raise max_tokens, or lower the thinking budget",
    Outcome.CONTEXT_EXCEEDED: "the model's context window is full: shorten the chat context",
    Outcome.REFUSED: "Claude refused to answer",
    Outcome.PAUSE_TURN: "server tools did not finish, however often the turn was continued",
}

_OF_THE_SETTINGS = (Outcome.MAX_TOKENS, Outcome.CONTEXT_EXCEEDED)


def no_answer(outcome: Outcome) -> Fault:
    """The failure of a stream that ended properly and is no answer."""
    refused = outcome is Outcome.REFUSED
    return Fault(
        FailureKind.REFUSED if refused else FailureKind.TRUNCATED,
        _ADVICE[outcome],
        retryable=False,
        origin=Origin.CALLER if outcome in _OF_THE_SETTINGS else Origin.REMOTE,
    )
