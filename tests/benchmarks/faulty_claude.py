"""The soak's API: answers that are all alike, a fifth of them broken in one of many ways.

Every answer says the same words, each of them once, so that a word said twice, left out or out of
order shows in the text alone.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from resilient_claude.testing import (
    Answer,
    Break,
    Garbage,
    HttpError,
    Raw,
    SimulatedClaude,
    SseError,
    Step,
    ToolUse,
)

PIECES = tuple(f"w{n:02d} " for n in range(20))
TEXT = "".join(PIECES)
TOOL = ToolUse("book", {"patient_id": "4711", "day": "2026-11-30"})
WHOLE = Answer(pieces=PIECES, piece_s=0.004)
WITH_TOOL = replace(WHOLE, tools=[TOOL])

_OVERLOADED = SseError("overloaded_error")
# What is common in production is common here. The last ones keep a caller waiting for seconds.
FAULTS: list[tuple[int, Step]] = [
    (6, HttpError(529)),
    (4, HttpError(500)),
    (3, HttpError(503)),
    (3, HttpError(429, headers={"retry-after": "1"})),
    (2, Raw("<html>Please log in to the guest network.</html>")),
    (3, Break("reset", at="accept")),
    (3, Break("reset", at="request")),
    (3, Break("close", at="request")),
    (3, Break("reset", at="headers", answer=WHOLE)),
    (2, Break("end", at="headers", answer=WHOLE)),
    (3, Break(_OVERLOADED, at="headers", answer=WHOLE)),
    (3, Break(_OVERLOADED, at="message_start", answer=WHOLE)),
    (2, Break("close", at="message_start", answer=WHOLE)),
    (2, Break("reset", at="block_start", answer=WHOLE)),
    (1, Break(Garbage(b"data: {not json\n\n"), at="block_start", answer=WHOLE)),
    (2, Break(_OVERLOADED, at="text", answer=WHOLE)),
    (2, Break("reset", at="text", answer=WHOLE)),
    (2, Break("end", at="text", answer=WHOLE)),
    (3, Break("reset", at="tool_json", answer=replace(WITH_TOOL, pieces=()))),
    (2, Break("end", at="tool_json", answer=replace(WITH_TOOL, pieces=()))),
    (1, Break("stall", at="request")),
    (1, Break("pings", at="message_start", answer=WHOLE)),
]


def steps(random: Random, count: int, *, fault_rate: float) -> list[Step]:
    """*count* steps, drawn; *fault_rate* of them are faults, a third of the answers has a call."""
    faults = random.choices(
        [fault for _, fault in FAULTS], [weight for weight, _ in FAULTS], k=count
    )
    answers = random.choices((WHOLE, WITH_TOOL), (2, 1), k=count)
    return [
        fault if random.random() < fault_rate else answer
        for fault, answer in zip(faults, answers, strict=True)
    ]


class FaultyClaude:
    """A simulated Claude that never runs out of faults."""

    def __init__(self, *, fault_rate: float, seed: int) -> None:
        self.claude = SimulatedClaude(strict=False, default=WHOLE)
        self._random = Random(seed)
        self._fault_rate = fault_rate
        self._scripted = 0

    def top_up(self, requests: int) -> None:
        """Script enough for *requests* more requests than there have been."""
        missing = len(self.claude.requests) + requests - self._scripted
        if missing > 0:
            self.claude.script(*steps(self._random, missing, fault_rate=self._fault_rate))
            self._scripted += missing
