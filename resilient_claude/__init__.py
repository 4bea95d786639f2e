"""A Claude adapter for LiveKit voice agents that keeps a live call going.

Names are loaded on first use: `resilient_claude.testing`, which pytest loads at every start as a
plugin, must not import livekit and the Anthropic SDK, which take seconds.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .failures import Failure as Failure
    from .failures import FailureKind as FailureKind
    from .failures import Origin as Origin
    from .failures import Phase as Phase
    from .failures import failure_of as failure_of
    from .llm import ResilientClaudeLLM as ResilientClaudeLLM
    from .outcomes import Outcome as Outcome
    from .retry import RetryPolicy as RetryPolicy
    from .retry import Timeouts as Timeouts
    from .stream import ResilientClaudeStream as ResilientClaudeStream
    from .turn import TurnEnded as TurnEnded

__all__ = [
    "Failure",
    "FailureKind",
    "Origin",
    "Outcome",
    "Phase",
    "ResilientClaudeLLM",
    "ResilientClaudeStream",
    "RetryPolicy",
    "Timeouts",
    "TurnEnded",
    "__version__",
    "failure_of",
]

_HOMES = {
    "Failure": "failures",
    "FailureKind": "failures",
    "Origin": "failures",
    "Outcome": "outcomes",
    "Phase": "failures",
    "ResilientClaudeLLM": "llm",
    "ResilientClaudeStream": "stream",
    "RetryPolicy": "retry",
    "Timeouts": "retry",
    "TurnEnded": "turn",
    "failure_of": "failures",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _without_collections():
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep the garbage collector from looking, again and again, through what an import makes.

    What it makes, most of it the SDK's, stays. `python -m tests.benchmarks --only import` tells
    what looking for garbage there costs: without this, more than a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
