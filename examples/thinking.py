"""Models that think: what is heard, and what is seen. Needs no key and no network: just run it.

A real `AgentSession` in text mode talks to a simulated Claude. What Claude notes while it works is
spoken, by default; then it is shown on a screen instead; and at last Claude thinks for a while
before its first word, which the application is told of.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice.io import TextOutput

from resilient_claude import ProgressNote, ResilientClaudeLLM, Thinking
from resilient_claude.testing import Answer, Note, SimulatedClaude, Thought, ToolUse

ANSWERS = (
    Answer(content=[Note("I look into the book."), ToolUse("look_up", {"day": "Friday"})]),
    Answer("There is a table at seven."),
)
THINKS = (Answer(content=[Thought("Which day do they mean?", lasts_s=2.3), "On which day?"]),)


class Caller(TextOutput):
    """Prints what the caller would hear, as livekit hands it out."""

    def __init__(self) -> None:
        super().__init__(label="caller", next_in_chain=None)
        self._segment = ""

    async def capture_text(self, text: str) -> None:
        """Hear *text*."""
        self._segment += text

    def flush(self) -> None:
        """Hear the end of what is said in one breath."""
        if self._segment:
            print(f"agent:  {self._segment}")
        self._segment = ""


class Receptionist(Agent):
    """Knows which tables are free."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer a restaurant's phone.")

    @function_tool
    async def look_up(self, day: str) -> str:
        """Look up which tables are free.

        Args:
            day: a day of the week.
        """
        await asyncio.sleep(0.2)
        return f"On {day}, one at 19:00."


def show_note(note: ProgressNote) -> None:
    """Show what Claude notes, where it is not spoken."""
    print(f"screen: {note.text}")


def show_thinking(thinking: Thinking) -> None:
    """Show that it takes a while; a sound would do as well."""
    print(f"screen: thinking for {thinking.elapsed_s:.0f} s")


async def hold(
    model: str, progress: Literal["speak", "event", "off"], *answers: Answer, said: str
) -> None:
    """Hold a conversation of one turn."""
    print(f"\n--- {model}, {progress=} ---\ncaller: {said}")
    with SimulatedClaude(*answers) as claude:
        brain = ResilientClaudeLLM(
            model=model, progress=progress, api_key="not-needed-here", base_url=claude.base_url
        )
        brain.on("claude_progress", show_note)
        brain.on("claude_thinking", show_thinking)
        session = AgentSession[None](llm=brain, vad=None, turn_handling={"turn_detection": None})
        session.output.transcription = Caller()
        async with brain, session:
            await session.start(Receptionist())
            await session.run(user_input=said)


async def main() -> None:
    """Hold three conversations."""
    table = "A table for Friday, please."
    await hold("claude-sonnet-5-5", "speak", *ANSWERS, said=table)
    await hold("claude-sonnet-5-5", "event", *ANSWERS, said=table)
    await hold("claude-opus-5-5", "speak", *THINKS, said="A table, please.")


if __name__ == "__main__":
    asyncio.run(main())
