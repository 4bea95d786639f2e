"""What the tools that Anthropic runs have in common, as objects for `Agent(tools=[...])`. Pure.

They are livekit's `ProviderTool`s. What one becomes depends on who is asked: `definition`; for
whoever knows nothing of that, `to_dict()` is what the newest model on Anthropic's own API takes. An
object never changes, so one may be given to any number of agents, and its definition is kept.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

from livekit.agents import llm

from resilient_claude.request.model_facts import MODELS

from .server_tool_versions import Recipient


class ServerDefinition(NamedTuple):
    """What a server tool becomes in one request.

    Attributes:
        definition: As the API takes it.
        adjusted: Why it is not as it was asked for, if so.
    """

    definition: dict[str, Any]
    adjusted: str | None = None


class ServerTool(llm.ProviderTool):
    """A tool that Anthropic runs while it answers; the agent sees what came of it."""

    @abstractmethod
    def definition(self, recipient: Recipient) -> ServerDefinition:
        """What it becomes in a request to *recipient*.

        Raises:
            Unavailable: There is none there; the message says what there is.
        """

    def to_dict(self) -> dict[str, Any]:
        """Its definition for the newest model on Anthropic's own API."""
        return self.definition(ANYBODY).definition


ANYBODY = Recipient(MODELS[0], has_tool_search=True)
"""The newest model on Anthropic's own API."""


def freeze(tool: ServerTool, **values: Any) -> None:
    """Put a checked copy in the place of a list or a dict that somebody may change."""
    for name, value in values.items():
        object.__setattr__(tool, name, value)
