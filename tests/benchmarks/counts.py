"""What can be counted instead of timed: the same on every machine, so fit for a test."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Any

from . import conversation
from .cpu import nothing, opened
from .measure import Result, Setting
from .server import base_url

ANY, ADAPTER, HTTP, MODEL, SCHEMA = "any", "adapter", "HTTP", "model", "schema"
_HTTP = ("anthropic", "httpx2", "httpcore2", "h11", "anyio", "aiohttp")
BUILDERS = ("build_strict_openai_schema", "build_legacy_openai_schema")
PER_S = 50
FEW, MANY = 1, 51
"""Tokens. On a busy machine some come together, which blurs the count of a turn if it has many."""


async def counts(setting: Setting) -> list[Result]:
    """Python calls per token and per turn, tool schemas built and SDK models made per turn."""
    names = setting.contenders()
    kinds = {
        ANY: "Python calls per token, paced",
        ADAPTER: "... of them in the adapter",
        HTTP: "... of them in the SDK and HTTP",
        MODEL: "SDK models made per token",
    }
    per_token: dict[str, dict[str, list[float]]] = {kind: {} for kind in kinds}
    per_turn: dict[str, list[float]] = {}
    schemas: dict[str, list[float]] = {}
    for name in names:
        setting.tell(name)
        few, many = [await _calls_of_a_turn(setting, name, tokens) for tokens in (FEW, MANY)]
        for kind, samples in per_token.items():
            samples[name] = [(many[kind] - few[kind]) / (MANY - FEW)]
        per_turn[name] = [few[ANY] - FEW * per_token[ANY][name][0]]
        schemas[name] = [float(few[SCHEMA])]
    return [
        *(Result(label, "calls", per_token[kind]) for kind, label in kinds.items()),
        Result("Python calls per turn besides", "calls", per_turn),
        Result("tool schemas built per turn of 20 tools", "schemas", schemas),
    ]


async def _calls_of_a_turn(setting: Setting, name: str, tokens: int) -> Counter[str]:
    """The Python functions called in one turn, the third with its 20 tools, by kind."""
    context, tools = conversation.long(), conversation.tools(20)
    counter: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            counter.update(_kinds(frame))

    async with opened([name], base_url(setting.server.http, tokens=tokens, per_s=PER_S)) as one:
        for _ in range(2):
            await one[name].turn(context, tools, nothing)
        sys.setprofile(profile)
        try:
            await one[name].turn(context, tools, nothing)
        finally:
            sys.setprofile(None)
    return counter


def _kinds(frame: FrameType) -> Iterator[str]:
    name, module = frame.f_code.co_name, str(frame.f_globals.get("__name__"))
    yield ANY
    if module.startswith(("resilient_claude.", "livekit.plugins.")):
        yield ADAPTER
    elif module.partition(".")[0] in _HTTP:
        yield HTTP
    if module == "anthropic._models" and name == "construct_type":
        yield MODEL
    elif module == "livekit.agents.llm.utils" and name in BUILDERS:
        yield SCHEMA
