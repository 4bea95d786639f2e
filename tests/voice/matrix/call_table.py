"""The words of the matrix of calls: what is broken, who calls, who answers. Frozen values.

Every caller asks at once, and everything counts from the end of his question: `from_question_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from resilient_claude.testing import Answer, Step
from resilient_claude.testing.voice import Coughs, Says

TEXT = "Alpha bravo charlie delta echo foxtrot. Golf hotel india juliet."
"""The whole answer. No word comes twice, so that a doubled one is heard at once."""
OTHER_TEXT = "Kilo lima mike november oscar."
"""What the second provider says."""
HEARD = "Alpha bravo charlie delta "
"""What came of the answer when it breaks."""
HEARD_AGAIN = "echo "
"""What more came when its continuation breaks as well."""
FIRST_TOKEN_S = 0.6
"""How long a healthy Claude thinks."""
PIECE_S = 0.05
"""From word to word, where an answer breaks: what comes in one read with the break is not heard."""
TOOL_S = 5.0
"""How long the tool runs."""
HEALTHY = Answer(TEXT, first_token_s=FIRST_TOKEN_S)


class Ending(StrEnum):
    """What a request that meets the fault comes to."""

    HARMLESS = "harmless"
    REFUSED = "refused"
    """It fails at once, and asking again is of no use within any patience."""
    FAILS = "fails"
    """It fails at once, and may be asked again."""
    HANGS = "hangs"
    """Nothing comes, until a clock ends it."""
    SLOW = "slow"
    """An answer comes, later than most clocks allow."""
    BREAKS = "breaks"
    """It ends after words."""
    STALLS = "stalls"
    """Nothing more comes after words, until a clock ends it."""


class Tool(StrEnum):
    """Whether the answer is a tool call, and where the fault then strikes."""

    NONE = "none"
    RUNS = "runs"
    """In the request that follows, if at all."""


@dataclass(frozen=True)
class CallFault:
    """What is broken.

    Attributes:
        name: of it.
        sort: what a request that meets it comes to.
        steps: what the first requests get, in their order.
        step: what all other requests get while it lasts.
        lasts_s: how long, from the question's end; None for ever, 0 for not at all.
        healed: what all requests get after that.
        heard: what came of the answer before it broke for good; empty if it came to its end.
        tool: see there.
    """

    name: str
    sort: Ending
    steps: Sequence[Step] = ()
    step: Step | None = None
    lasts_s: float | None = 0.0
    healed: Answer = HEALTHY
    heard: str = ""
    tool: Tool = Tool.NONE

    @property
    def endless(self) -> bool:
        """Whether no request ever gets another answer."""
        return self.step is not None and self.lasts_s is None


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        name: of what he does.
        question: what he asks.
        then: what he does after that.
        lasts_s: how long the call lasts, from the question's end.
        long_lines: whether the hold lines are long ones, which he can interrupt.
    """

    name: str
    question: Says
    then: Sequence[Says | Coughs] = ()
    lasts_s: float = 28.0
    long_lines: bool = False

    @property
    def interrupts(self) -> bool:
        """Whether he speaks while the agent does."""
        return any(isinstance(s, Says) and s.into_speech_s is not None for s in self.then)

    @property
    def asked_s(self) -> float:
        """When his question ends, in seconds of the call."""
        assert self.question.at_s is not None
        return self.question.at_s + len(self.question.text.split()) * self.question.word_s


class Model(StrEnum):
    """Who answers."""

    OURS = "ours"
    OTHER = "fallback"
    """Ours behind `FallbackAdapter`, with another provider that is well."""
    DEAD = "dead-fallbacks"
    """Ours behind `FallbackAdapter`, with another that is broken as well."""


@dataclass(frozen=True)
class CallCell:
    """One call of the matrix."""

    fault: CallFault
    caller: Caller
    model: Model
    attached: bool

    def __str__(self) -> str:
        how = "attached" if self.attached else "bare"
        return f"{self.fault.name}/{self.caller.name}/{self.model}/{how}"
