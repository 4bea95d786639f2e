"""Which version of a server tool is sent to which model on which platform. Pure.

Sources: platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference (the versions), and
"Compatibility" or the notes on platforms of each tool's page; .../server-tools, "Dynamic filtering
with code execution" (which versions go together).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

from resilient_claude.request.model_facts import EVERY_SERVER_TOOL, ModelFacts, ServerToolKind
from resilient_claude.request.platforms import ANTHROPIC, Platform

WebSearchVersion: TypeAlias = Literal[
    "web_search_20260318", "web_search_20260209", "web_search_20250305"
]
WebFetchVersion: TypeAlias = Literal[
    "web_fetch_20260318", "web_fetch_20260309", "web_fetch_20260209", "web_fetch_20250910"
]
CodeExecutionVersion: TypeAlias = Literal[
    "code_execution_20260521", "code_execution_20260120", "code_execution_20250825"
]
Caller: TypeAlias = Literal["direct", "code_execution_20260521", "code_execution_20260120"]

VERSIONS: Mapping[ServerToolKind, tuple[str, ...]] = {
    "web_search": get_args(WebSearchVersion),
    "web_fetch": get_args(WebFetchVersion),
    "code_execution": get_args(CodeExecutionVersion),
}
"""The versions of each tool that has any, the newest first."""

CALLERS: tuple[str, ...] = get_args(Caller)
"""Who may call a tool: Claude itself, or code that one of these versions runs."""

# From this version on they run inside of code by default, which has to be new enough.
_RUN_IN_CODE_SINCE = "20260209"


class Unavailable(ValueError):
    """A tool that is not there for this request; its words complete "sent without ...: "."""


class Recipient(NamedTuple):
    """Who is asked.

    Attributes:
        facts: What the model takes.
        model_id: Its id, for the words.
        platform: Where it is.
        code_execution: The version of code execution among the tools of the request, if there is.
        has_tool_search: Whether a tool that looks for tools is among them.
    """

    facts: ModelFacts
    model_id: str = ""
    platform: Platform = ANTHROPIC
    code_execution: str | None = None
    has_tool_search: bool = False

    def check_takes(self, kind: ServerToolKind) -> None:
        """Check that there is such a tool.

        Raises:
            Unavailable: There is none; the message says what there is.
        """
        there = self._kinds()
        if kind not in there:
            raise Unavailable(f"{self.platform.name} does not have it; it has {', '.join(there)}")
        if self.facts.known and kind not in self.facts.server_tools:
            takes = ", ".join(self.facts.server_tools)
            raise Unavailable(f"model {self.model_id} does not take it; it takes {takes}")

    def version_of(self, kind: ServerToolKind, wanted: str | None, *, needed: str = "") -> str:
        """The version of a tool to send.

        Args:
            kind: The tool.
            wanted: The version that was asked for; None leaves it to what is there.
            needed: The oldest version that has what was asked for.

        Raises:
            Unavailable: There is none; the message says which there are.
        """
        self.check_takes(kind)
        there = [v for v in self._versions(kind) if _date(v) >= _date(needed)]
        if wanted is None and there:
            return there[0]
        if wanted in there:
            assert wanted is not None
            return wanted
        also = f" beside {self.code_execution}" if self._has_old_code(kind) else ""
        takes = " or ".join(self._versions(kind))
        raise Unavailable(f"{self.platform.name} takes {takes} of it{also}, not {wanted or needed}")

    def callers(self, wanted: Sequence[str]) -> tuple[list[str], str | None]:
        """Who may call a tool, and why that is not who was *wanted*, if so.

        "Models that don't support programmatic tool calling require" direct calls.
        """
        if [*wanted] == ["direct"]:
            return [*wanted], None
        if not self.platform.web_tools:
            return ["direct"], f"called directly: {self.platform.name} runs no code"
        if self.facts.known and not self.facts.code_calls_tools:
            return ["direct"], f"called directly: code of model {self.model_id} calls no tools"
        return [*wanted], None

    def _kinds(self) -> list[ServerToolKind]:
        """The tools that the platform has."""
        there: dict[ServerToolKind, bool] = {
            "web_search": self.platform.web_tools or self.platform.basic_search,
            "web_fetch": self.platform.web_tools,
            "code_execution": self.platform.web_tools,
            "tool_search": True,
            "mcp_toolset": self.platform.mcp_servers,
        }
        return [kind for kind in EVERY_SERVER_TOOL if there[kind]]

    def _versions(self, kind: ServerToolKind) -> list[str]:
        is_basic = self._has_old_code(kind) or not self.platform.web_tools
        return [v for v in VERSIONS[kind] if not is_basic or _date(v) < _RUN_IN_CODE_SINCE]

    def _has_old_code(self, kind: ServerToolKind) -> bool:
        """Whether the request has a code execution beside which newer searches are rejected."""
        code = self.code_execution
        return code is not None and code not in CALLERS and kind in ("web_search", "web_fetch")


def _date(version: str) -> str:
    return version.rpartition("_")[2]
