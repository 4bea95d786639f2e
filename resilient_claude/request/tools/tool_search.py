"""The tool that looks for function tools, so that a request need not describe all of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .schemas import Definition
from .server_tool import ServerDefinition, ServerTool, freeze
from .server_tool_checks import check_names, check_one_of
from .server_tool_versions import Recipient


@dataclass(frozen=True, kw_only=True, eq=False)
class ToolSearch(ServerTool):
    """Lets Claude look for function tools instead of reading all of them in every turn.

    It is worth it from some thirty tools on: each search is one more wait for the caller.

    Attributes:
        variant: How it looks: by words ("bm25") or by patterns ("regex").
        always_loaded: Names of function tools that Claude knows without looking: those that it uses
            most.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: There is no such variant.
    """

    variant: Literal["bm25", "regex"] = "bm25"
    always_loaded: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_one_of("variant", self.variant, ("bm25", "regex"))
        freeze(self, always_loaded=check_names("always_loaded", self.always_loaded))

    @property
    def id(self) -> str:
        """Its name at the API."""
        return f"tool_search_tool_{self.variant}"

    def definition(self, recipient: Recipient) -> ServerDefinition:
        """See `ServerTool.definition`."""
        recipient.check_takes("tool_search")
        return ServerDefinition({"type": f"{self.id}_20251119", "name": self.id})


def deferred(definition: Definition, always_loaded: Sequence[str]) -> Definition:
    """*definition*, of a function tool that Claude has to look for unless it is *always_loaded*."""
    if called(definition) in always_loaded:
        return definition
    return Definition({**definition, "defer_loading": True}, alias=definition.alias)


def called(definition: Definition) -> object:
    """What the application calls the tool of *definition*; None of one that has no name."""
    return definition.get("name") if definition.alias is None else definition.alias.name
