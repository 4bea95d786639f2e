"""The tools that look into the web. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .server_tool import ServerDefinition, ServerTool, freeze
from .server_tool_checks import (
    check_bool,
    check_callers,
    check_count,
    check_domains,
    check_location,
    check_one_of,
)
from .server_tool_versions import (
    CALLERS,
    VERSIONS,
    Caller,
    Recipient,
    WebFetchVersion,
    WebSearchVersion,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class WebSearch(ServerTool):
    """Searches the web: $10 per 1,000 searches, beside the tokens of what is found.

    Attributes:
        max_uses: Most searches of one request; None for any number.
        allowed_domains: Nothing is found elsewhere; bare domains, with a path if need be.
        blocked_domains: Nothing is found there.
        user_location: Where the caller is, roughly: city, region, country, timezone.
        allowed_callers: Who may search. Code that Claude runs to filter what is found takes longer
            than a caller waits; "direct" is without it.
        tool_version: The API's; None for the newest that model and platform take.
        response_inclusion: "excluded" leaves out of the answer what code has used up.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument has a value that the API rejects.
    """

    max_uses: int | None = 3
    allowed_domains: Sequence[str] | None = None
    blocked_domains: Sequence[str] | None = None
    user_location: Mapping[str, str] | None = None
    allowed_callers: Sequence[Caller] = ("direct",)
    tool_version: WebSearchVersion | None = None
    response_inclusion: Literal["full", "excluded"] | None = None

    def __post_init__(self) -> None:
        _check_web_tool(self, "web_search", paths=True)
        if self.user_location is not None:
            freeze(self, user_location=check_location("user_location", self.user_location))

    @property
    def id(self) -> str:
        """Its name at the API."""
        return "web_search"

    def definition(self, recipient: Recipient) -> ServerDefinition:
        """See `ServerTool.definition`."""
        return _web_definition(self, "web_search", recipient, user_location=self.user_location)


@dataclass(frozen=True, kw_only=True, eq=False)
class WebFetch(ServerTool):
    """Reads pages whose addresses stand in the conversation, or were found.

    Attributes:
        max_uses: Most pages of one request; None for any number.
        allowed_domains: Nothing is read elsewhere; bare domains.
        blocked_domains: Nothing is read there.
        max_content_tokens: About how much of a page is read; None for all of it. The default is a
            long article, and what of a page a caller may wait for.
        citations: Whether Claude says which words of a page it relies on.
        use_cache: False to read a page anew, which takes longer.
        allowed_callers: As in `WebSearch`.
        tool_version: Likewise.
        response_inclusion: Likewise.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument has a value that the API rejects.
    """

    max_uses: int | None = 3
    allowed_domains: Sequence[str] | None = None
    blocked_domains: Sequence[str] | None = None
    max_content_tokens: int | None = 10_000
    citations: bool = False
    use_cache: bool = True
    allowed_callers: Sequence[Caller] = ("direct",)
    tool_version: WebFetchVersion | None = None
    response_inclusion: Literal["full", "excluded"] | None = None

    def __post_init__(self) -> None:
        _check_web_tool(self, "web_fetch", paths=False)
        check_count("max_content_tokens", self.max_content_tokens)
        check_bool("citations", self.citations)
        check_bool("use_cache", self.use_cache)

    @property
    def id(self) -> str:
        """Its name at the API."""
        return "web_fetch"

    def definition(self, recipient: Recipient) -> ServerDefinition:
        """See `ServerTool.definition`."""
        return _web_definition(
            self,
            "web_fetch",
            recipient,
            needed="" if self.use_cache else "web_fetch_20260309",
            max_content_tokens=self.max_content_tokens,
            citations={"enabled": True} if self.citations else None,
            use_cache=None if self.use_cache else False,
        )


def _check_web_tool(
    tool: WebSearch | WebFetch, kind: Literal["web_search", "web_fetch"], *, paths: bool
) -> None:
    check_count("max_uses", tool.max_uses)
    allowed, blocked = check_domains(tool.allowed_domains, tool.blocked_domains, paths=paths)
    callers = check_callers("allowed_callers", tool.allowed_callers, CALLERS)
    freeze(tool, allowed_domains=allowed or None, blocked_domains=blocked or None)
    freeze(tool, allowed_callers=callers)
    if tool.tool_version is not None:
        check_one_of("tool_version", tool.tool_version, VERSIONS[kind])
    if tool.response_inclusion is not None:
        check_one_of("response_inclusion", tool.response_inclusion, ("full", "excluded"))


def _web_definition(
    tool: WebSearch | WebFetch,
    kind: Literal["web_search", "web_fetch"],
    recipient: Recipient,
    *,
    needed: str = "",
    **own: Any,
) -> ServerDefinition:
    """The definition of a tool for the web, with its *own* fields; None leaves one out."""
    needed = f"{kind}_20260318" if tool.response_inclusion is not None else needed
    callers, adjusted = recipient.callers(tool.allowed_callers)
    fields = {
        "type": recipient.version_of(kind, tool.tool_version, needed=needed),
        "name": kind,
        "max_uses": tool.max_uses,
        "allowed_domains": tool.allowed_domains and [*tool.allowed_domains],
        "blocked_domains": tool.blocked_domains and [*tool.blocked_domains],
        "allowed_callers": callers,
        "response_inclusion": tool.response_inclusion,
        **own,
    }
    made = {name: value for name, value in fields.items() if value is not None}
    return ServerDefinition(made, adjusted)
