"""A Claude adapter for LiveKit voice agents that keeps a live call going.

Names are loaded on first use: `resilient_claude.testing`, which pytest loads at every start as a
plugin, must not import livekit and the Anthropic SDK, which take seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from resilient_claude.version import __version__

if TYPE_CHECKING:
    from resilient_claude.failures.failure import Failure as Failure
    from resilient_claude.failures.failure import FailureKind as FailureKind
    from resilient_claude.failures.failure import Origin as Origin
    from resilient_claude.failures.failure import Phase as Phase
    from resilient_claude.failures.failure import failure_of as failure_of
    from resilient_claude.llm import ResilientClaudeLLM as ResilientClaudeLLM
    from resilient_claude.policy.retry_policy import RetryPolicy as RetryPolicy
    from resilient_claude.policy.timeouts import Timeouts as Timeouts
    from resilient_claude.request.tools.code_execution import CodeExecution as CodeExecution
    from resilient_claude.request.tools.mcp_server import McpServer as McpServer
    from resilient_claude.request.tools.tool_search import ToolSearch as ToolSearch
    from resilient_claude.request.tools.web_tools import WebFetch as WebFetch
    from resilient_claude.request.tools.web_tools import WebSearch as WebSearch
    from resilient_claude.response.outcomes import Outcome as Outcome
    from resilient_claude.response.outcomes import StopDetails as StopDetails
    from resilient_claude.response.prices import Prices as Prices
    from resilient_claude.response.server_work import Citation as Citation
    from resilient_claude.response.server_work import ServerToolCall as ServerToolCall
    from resilient_claude.response.server_work import Source as Source
    from resilient_claude.telemetry.events import ProgressNote as ProgressNote
    from resilient_claude.telemetry.events import Thinking as Thinking
    from resilient_claude.telemetry.events import TurnEnded as TurnEnded
    from resilient_claude.telemetry.events import WarmedCache as WarmedCache
    from resilient_claude.turn.stream import ResilientClaudeStream as ResilientClaudeStream

__all__ = [
    "Citation",
    "CodeExecution",
    "Failure",
    "FailureKind",
    "McpServer",
    "Origin",
    "Outcome",
    "Phase",
    "Prices",
    "ProgressNote",
    "ResilientClaudeLLM",
    "ResilientClaudeStream",
    "RetryPolicy",
    "ServerToolCall",
    "Source",
    "StopDetails",
    "Thinking",
    "Timeouts",
    "ToolSearch",
    "TurnEnded",
    "WarmedCache",
    "WebFetch",
    "WebSearch",
    "__version__",
    "failure_of",
]

_HOMES = {
    "Citation": "response.server_work",
    "CodeExecution": "request.tools.code_execution",
    "Failure": "failures.failure",
    "FailureKind": "failures.failure",
    "McpServer": "request.tools.mcp_server",
    "Origin": "failures.failure",
    "Outcome": "response.outcomes",
    "Phase": "failures.failure",
    "ProgressNote": "telemetry.events",
    "Prices": "response.prices",
    "ResilientClaudeLLM": "llm",
    "ResilientClaudeStream": "turn.stream",
    "RetryPolicy": "policy.retry_policy",
    "ServerToolCall": "response.server_work",
    "Source": "response.server_work",
    "StopDetails": "response.outcomes",
    "Thinking": "telemetry.events",
    "Timeouts": "policy.timeouts",
    "ToolSearch": "request.tools.tool_search",
    "TurnEnded": "telemetry.events",
    "WarmedCache": "telemetry.events",
    "WebFetch": "request.tools.web_tools",
    "WebSearch": "request.tools.web_tools",
    "failure_of": "failures.failure",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
