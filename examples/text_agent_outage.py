"""A conversation with an outage in the middle. Needs no key and no network: just run it.

A real `AgentSession` in text mode talks to a simulated Claude. First Claude cannot be reached for a
second, which the caller notices as a pause. Then for longer than a caller can be kept waiting:
the turn fails for good, and the agent says so. The next turn works again.
"""

from __future__ import annotations

import asyncio
import logging

from livekit.agents import Agent, AgentSession
from livekit.agents.voice.io import TextOutput

from resilient_claude import ResilientClaudeLLM, RetryPolicy
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.voice import keep_caller_informed

APOLOGY = "Sorry, I cannot think right now. Please ask me again in a moment."
FIELDS = (
    *("attempt", "attempts", "kind", "origin", "root_type", "root_message"),
    *("elapsed_s", "silence_s", "cause", "waited_s"),
)


class Caller(TextOutput):
    """Prints what the caller would hear, as livekit hands it out."""

    def __init__(self) -> None:
        super().__init__(label="caller", next_in_chain=None)
        self._segment = ""

    async def capture_text(self, text: str) -> None:
        """Hear *text*."""
        self._segment += text

    def flush(self) -> None:
        """Hear the end of a sentence."""
        if self._segment:
            print(f"agent:  {self._segment}")
        self._segment = ""


class Lines(logging.Handler):
    """Prints log lines, each above its event and fields, which a LiveKit worker writes as JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print *record*."""
        fields = {name: vars(record).get(name) for name in FIELDS}
        known = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
        print(f"   log: {record.getMessage()}")
        print(f"        {vars(record).get('event')} {known}")


def log_to_stdout() -> None:
    """Show the lines of the adapter; those of livekit itself would only repeat them."""
    log = logging.getLogger("livekit.plugins.resilient_claude")
    log.addHandler(Lines())
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.getLogger("livekit.agents").setLevel(logging.CRITICAL)


async def ask(session: AgentSession[None], question: str) -> None:
    """Say *question* and wait until the turn is over."""
    print(f"caller: {question}")
    await session.run(user_input=question)


async def main() -> None:
    """Hold the conversation."""
    with SimulatedClaude(
        Answer("Hello! How can I help you?"),
        Answer("We are open until eleven."),
        Answer("Gladly. For how many people?"),
    ) as claude:
        model = ResilientClaudeLLM(
            api_key="not-needed-here",
            base_url=claude.base_url,
            # So that this example ends soon: by default the budget is 20 s. The waits begin longer
            # than by default (0.1 s) and hardly grow, so that few lines fit into it.
            retry=RetryPolicy(max_silence_s=1.5, wait_base_s=0.4, wait_cap_s=0.5),
        )
        session = AgentSession[None](llm=model, vad=None, turn_handling={"turn_detection": None})
        session.output.transcription = Caller()
        keep_caller_informed(session, apology=APOLOGY)

        async with model, session:
            await session.start(Agent(instructions="You answer a restaurant's phone."))
            await ask(session, "Hello?")

            print("\n--- Claude cannot be reached for 0.8 s ---")
            claude.refuse()
            claude.drop_idle()
            asyncio.get_running_loop().call_later(0.8, claude.listen)
            await ask(session, "Are you open tonight?")

            print("\n--- Claude cannot be reached at all ---")
            claude.refuse()
            claude.drop_idle()
            await ask(session, "Can I book a table?")

            print("\n--- Claude is back ---")
            claude.listen()
            await ask(session, "And now?")


if __name__ == "__main__":
    log_to_stdout()
    asyncio.run(main())
