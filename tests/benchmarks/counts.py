"""What can be counted instead of timed: the same on every machine, so fit for a test."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType
from typing import Any

from . import conversation
from .cpu import nothing, opened
from .measure import Result, Setting
from .server import base_url

FEW, MANY = 40, 140
PER_S = 200


async def counts(setting: Setting) -> list[Result]:
    """Python calls per token and per turn, tool schemas built and SDK models made per turn."""
    names = setting.contenders()
    calls, per_turn, models, builds = ({name: [0.0] for name in names} for _ in range(4))
    for name in names:
        setting.tell(name)
        few, many = [await _calls_of_a_turn(setting, name, tokens) for tokens in (FEW, MANY)]
        calls[name] = [(many.total() - few.total()) / (MANY - FEW)]
        per_turn[name] = [few.total() - FEW * calls[name][0]]
        models[name] = [(many[_MODEL] - few[_MODEL]) / (MANY - FEW)]
        builds[name] = [float(few[_SCHEMA])]
    return [
        Result("Python calls per token, paced", "calls", calls),
        Result("Python calls per turn besides", "calls", per_turn),
        Result("SDK models made per token", "models", models),
        Result("tool schemas built per turn of 20 tools", "schemas", builds),
    ]


async def _calls_of_a_turn(setting: Setting, name: str, tokens: int) -> Counter[str]:
    """The Python functions called in one turn, the second with its 20 tools, by kind."""
    context, tools = conversation.long(), conversation.tools(20)
    counter: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            counter[_kind(frame)] += 1

    async with opened([name], base_url(setting.server.http, tokens=tokens, per_s=PER_S)) as one:
        await one[name].turn(context, tools, nothing)
        sys.setprofile(profile)
        try:
            await one[name].turn(context, tools, nothing)
        finally:
            sys.setprofile(None)
    return counter


def _kind(frame: FrameType) -> str:
    name, module = frame.f_code.co_name, frame.f_globals.get("__name__")
    if module == "anthropic._models" and name == "construct_type":
        return _MODEL
    if module == "livekit.agents.llm.utils" and name in _BUILDERS:
        return _SCHEMA
    return ""


_MODEL, _SCHEMA = "model", "schema"
_BUILDERS = ("build_strict_openai_schema", "build_legacy_openai_schema")
