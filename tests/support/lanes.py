"""What happened in calls, made up."""

from __future__ import annotations

from resilient_claude.cli.demo.comparison import ComparedCall, compared
from resilient_claude.cli.demo.lane import Asked, Expected, Lane, ToolRun
from resilient_claude.cli.demo.scenes import Scene
from resilient_claude.testing.voice import Says, Silence, Utterance

HOLD, SORRY, ANSWER = "One moment.", "Sorry. Say that again?", "We open at five."
EXPECTED = Expected(ANSWER, tools=0, hold_lines=(HOLD,), apology=SORRY)
QUESTION = Utterance("When do you open?", 0.0, 1.2, "caller")


def said(*agent: str, tools: int = 0, lasted_s: float = 20.0) -> Lane:
    """The caller asks, and the agent says one thing after the other, from second 3 on."""
    heard = [Utterance(text, 3.0 + 4 * n, 5.0 + 4 * n) for n, text in enumerate(agent)]
    return Lane(
        lasted_s=lasted_s,
        spoken=[QUESTION, *heard],
        silences=[Silence(1.2, 3.0) if agent else Silence(1.2, lasted_s, ended=False)],
        asked=[Asked(1.5, 2.0), Asked(2.1)],
        tools=[ToolRun(2.5, "book(guests=2)")] * tools,
        log=["attempt 1 failed: overloaded"],
    )


def call(plugin: Lane, ours: Lane, fault: str = "overloaded <&>") -> ComparedCall:
    """Two lanes side by side."""
    scene = Scene(fault, [Says(QUESTION.text)], EXPECTED, steps=(), anew=())
    return compared(scene, plugin, ours)
