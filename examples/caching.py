"""What the prompt cache saves, turn by turn. Needs no key and no network: just run it.

Two callers, each with an adapter of his own as in two jobs of a worker, talk to the same agent in
text mode. Before the first call its instructions and tools are written into the cache, and so even
the first turn reads them; each later one reads what was said before, too. The simulated Claude
caches and counts as the API does; what it costs follows from Anthropic's prices.

What an agent is told of one call alone (who calls, what time it is) belongs into the `dynamic` part
of livekit's `Instructions`: within the others, it would keep the two calls from sharing anything.
"""

from __future__ import annotations

import asyncio
import logging

from livekit.agents import Agent, AgentSession, function_tool

from resilient_claude import Prices, ResilientClaudeLLM, TurnEnded
from resilient_claude.testing import Answer, SimulatedClaude, ToolUse

MODEL = "claude-sonnet-5-5"
PRICES = Prices(input=2, output=10)
RULES = "You answer the phone of a restaurant. " + (
    "Be brief and kind, say prices in full, and promise no table without looking first. " * 100
)
QUESTIONS = ("Hello?", "Is there a table for two at eight?", "And what do you recommend?")
ANSWERS = (
    Answer("Hello! How can I help you?"),
    Answer("Let me look.", tools=[ToolUse("find_table", {"guests": 2})]),
    Answer("Yes, there is one by the window. Shall I book it for you?"),
    Answer("The risotto with saffron is what most of our guests come back for."),
)


@function_tool
async def find_table(guests: int) -> str:
    """Find a table for tonight."""
    return f"A table for {guests} at eight, by the window."


def without_cache(turn: TurnEnded) -> float:
    """What *turn* would have cost, US dollars."""
    usage = turn.usage
    return (usage.prompt_tokens * PRICES.input + usage.completion_tokens * PRICES.output) / 1e6


async def hold_call(base_url: str, name: str) -> list[TurnEnded]:
    """Hold a call, and print what each of its requests costs."""
    model = ResilientClaudeLLM(
        model=MODEL,
        api_key="not-needed-here",
        base_url=base_url,
        caching="ephemeral",
        prices={MODEL: PRICES},
    )
    turns: list[TurnEnded] = []

    def on_turn_ended(turn: TurnEnded) -> None:
        turns.append(turn)
        print(
            f"{name}: {turn.usage.prompt_tokens:,} tokens of prompt, "
            f"{turn.cache_hit_ratio or 0:.0%} of them from the cache: ${turn.cost_usd:.5f} "
            f"instead of ${without_cache(turn):.5f}"
        )

    model.on("claude_turn_ended", on_turn_ended)
    agent = Agent(instructions=RULES, tools=[find_table])
    session = AgentSession[None](llm=model, vad=None, turn_handling={"turn_detection": None})
    async with model, session:
        await session.start(agent)
        for question in QUESTIONS:
            await session.run(user_input=question)
    return turns


async def main() -> None:
    """Warm the cache, hold two calls, and sum up."""
    with SimulatedClaude(*ANSWERS, *ANSWERS, cache=True) as claude:
        url = claude.base_url
        model = ResilientClaudeLLM(model=MODEL, api_key="not-needed-here", base_url=url)
        async with model:
            claude.outage(Answer())  # so that warming takes none of the answers
            warmed = await model.warm_cache(RULES, [find_table])
            claude.heal()
        print(f"warmed: {warmed.written_tokens:,} tokens were written for ${warmed.cost_usd:.5f}")
        turns = await hold_call(url, "Mary") + await hold_call(url, "John")

    paid = (warmed.cost_usd or 0) + sum(turn.cost_usd or 0 for turn in turns)
    instead = sum(map(without_cache, turns))
    print(f"in all: ${paid:.5f} instead of ${instead:.5f}, {1 - paid / instead:.0%} less")


if __name__ == "__main__":
    logging.getLogger("livekit.agents").setLevel(logging.CRITICAL)
    asyncio.run(main())
