"""The tool that runs code at Anthropic's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .server_tool import ServerDefinition, ServerTool
from .server_tool_checks import check_one_of
from .server_tool_versions import VERSIONS, CodeExecutionVersion, Recipient


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeExecution(ServerTool):
    """Runs code in a container, which the following turns of a conversation have as well.

    Attributes:
        tool_version: The API's; None for the newest that model and platform take.

    Raises:
        ValueError: There is no such version.
    """

    tool_version: CodeExecutionVersion | None = None

    def __post_init__(self) -> None:
        if self.tool_version is not None:
            check_one_of("tool_version", self.tool_version, VERSIONS["code_execution"])

    @property
    def id(self) -> str:
        """Its name at the API."""
        return "code_execution"

    def definition(self, recipient: Recipient) -> ServerDefinition:
        """See `ServerTool.definition`."""
        version = recipient.version_of("code_execution", self.tool_version)
        return ServerDefinition({"type": version, "name": self.id})
