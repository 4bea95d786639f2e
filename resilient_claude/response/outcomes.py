"""How a message ended, and what that means for the turn: one row per stop reason. Pure.

A new stop reason is a row of `ENDINGS`, and a value of `Outcome` if applications are to tell it
from the others. Any day may bring one (platform.claude.com/docs/en/api/versioning: new values are
no new version). Until it has its row, the message that it ends is an answer, and one line of the
log says that the word is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import Fault
from resilient_claude.failures.redaction import identifier


class Outcome(StrEnum):
    """How a stream ended, once it ended properly. The values are part of the public API."""

    COMPLETE = "complete"
    STOP_SEQUENCE = "stop_sequence"
    MAX_TOKENS = "max_tokens"
    CONTEXT_EXCEEDED = "context_exceeded"
    REFUSED = "refused"
    PAUSE_TURN = "pause_turn"
    NO_ACTION = "no_action"
    EMPTY = "empty"


LONGEST_EXPLANATION = 2000
"""How much of the API's explanation of a refusal is kept, in characters."""


@dataclass(frozen=True, slots=True)
class StopDetails:
    """What the API says of a refusal.

    Attributes:
        category: the policy that it falls under, in the API's word: "cyber", "bio", "frontier_llm",
            "reasoning_extraction", "general_harms", or a newer one; None if it names none.
        explanation: the same in a sentence for people, whose wording is not stable; None if there
            is none. It is for the application, and appears in no log.
    """

    category: str | None = None
    explanation: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, details: object) -> StopDetails | None:
        """Those in a response, which may hold anything; None if there are none.

        Source: anthropic/types/refusal_stop_details.py.
        """
        if not isinstance(details, dict):
            return None
        explanation = details.get("explanation")
        text = explanation[:LONGEST_EXPLANATION] if isinstance(explanation, str) else None
        return cls(identifier(details.get("category")), text or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What one stop reason means.

    Attributes:
        stop_reason: the API's word; None in the row of those that have none of their own.
        outcome: what the application sees of it, after output.
        whole: whether Claude had come to the end, or to where the application wished it. Of any
            other ending the log tells, and without output it is never an answer.
        cuts_tools: whether the tool calls before it may be half, so that none is delivered.
        kind: what has failed if there was no output.
        advice: the same in words, for the error, with what to do about it.
        retryable: whether the next sample may have output.
        acts: whether the message says that it ends with a call of a tool of ours. Without one, it
            contradicts itself: what it said stands, and of nothing said it is never an answer.
        origin: on whose side the reason is; None leaves that to the evidence.
        known: whether the stop reason has a row.
    """

    stop_reason: str | None
    outcome: Outcome
    whole: bool = False
    cuts_tools: bool = False
    kind: FailureKind = FailureKind.TRUNCATED
    advice: str
    retryable: bool = False
    acts: bool = False
    origin: Origin | None = Origin.REMOTE
    known: bool = True

    def fault(self) -> Fault:
        """The failure of a message that ends so and is no answer."""
        return Fault(self.kind, self.advice, retryable=self.retryable, origin=self.origin)


_END_TURN = Ending(
    stop_reason="end_turn",
    outcome=Outcome.COMPLETE,
    whole=True,
    kind=FailureKind.EMPTY,
    advice="the answer has neither text nor tool calls",
    retryable=True,
    origin=None,
)

ENDINGS = (
    _END_TURN,
    replace(
        _END_TURN,
        stop_reason="tool_use",
        acts=True,
        # Empty, not malformed: the stream is sound and its connection too. Another sample may call
        # the tool, and if the next does not either, no later one will.
        advice="the answer ends to use a tool, and calls none",
    ),
    replace(_END_TURN, stop_reason="stop_sequence", outcome=Outcome.STOP_SEQUENCE),
    Ending(
        stop_reason="max_tokens",
        outcome=Outcome.MAX_TOKENS,
        cuts_tools=True,
        advice="max_tokens was reached before the answer or its tool call was complete: "
        "raise max_tokens, or lower the thinking budget",
        origin=Origin.CALLER,
    ),
    Ending(
        stop_reason="model_context_window_exceeded",
        outcome=Outcome.CONTEXT_EXCEEDED,
        cuts_tools=True,
        advice="the model's context window is full: shorten the chat context",
        origin=Origin.CALLER,
    ),
    Ending(
        stop_reason="refusal",
        outcome=Outcome.REFUSED,
        cuts_tools=True,
        kind=FailureKind.REFUSAL,
        advice="Claude refused to answer",
    ),
    Ending(
        stop_reason="pause_turn",
        outcome=Outcome.PAUSE_TURN,
        advice="server tools did not finish, however often the turn was continued",
    ),
)
"""All that is known of stop reasons.

Source: platform.claude.com/docs/en/build-with-claude/handling-stop-reasons.
"""

_UNKNOWN = replace(_END_TURN, stop_reason=None, known=False)
_BY_STOP_REASON = {ending.stop_reason: ending for ending in ENDINGS}
_WHOLE = {ending.outcome for ending in ENDINGS if ending.whole}


def ending_of(stop_reason: str | None) -> Ending:
    """The row of *stop_reason*; one that has none ends an answer, as `end_turn` does."""
    return _BY_STOP_REASON.get(stop_reason, _UNKNOWN)


def deserves_warning(outcome: Outcome, stop_reason: str | None) -> bool:
    """Whether the operator is to hear of an answer that ended so.

    That is one that is not all that Claude had to say, and one whose stop reason is new.

    Args:
        outcome: how the turn ended.
        stop_reason: the last message's; None if it said none.
    """
    is_new = stop_reason is not None and not ending_of(stop_reason).known
    return is_new or outcome not in _WHOLE
