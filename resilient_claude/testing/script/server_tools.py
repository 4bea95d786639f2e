"""What tools do at Anthropic's while Claude answers. Frozen values; no I/O.

Source of the shapes: platform.claude.com, the pages of each tool, "Response" and "Errors".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .thoughts import check_not_negative


@dataclass(frozen=True)
class ServerToolUse:
    """A call of a tool that Anthropic runs, and what comes of it.

    Attributes:
        name: The tool's name, such as "web_search", or one of an MCP server's tools.
        input: The arguments.
        result: The content of the result's block, as the API has it; None if it has not come when
            the message ends, which then ends with `pause_turn` unless it calls a tool.
        error: The API's word for what went wrong, instead of a result.
        server_name: The name of the MCP server, if it is one of its tools.
        lasts_s: Seconds until the result comes; pings come meanwhile.
        id: The call's id; a new one for every request when None.
        was_called_before: Whether the call came in an earlier message, which was paused or called
            another tool as well: then there is the result alone.

    Raises:
        TypeError: *lasts_s* is no number.
        ValueError: *lasts_s* is negative, there is a result and an error, or a result without a
            call has no id.
    """

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    error: str | None = None
    server_name: str | None = None
    lasts_s: float = 0.0
    id: str | None = None
    was_called_before: bool = False

    def __post_init__(self) -> None:
        check_not_negative("lasts_s", self.lasts_s)
        if self.result is not None and self.error is not None:
            raise ValueError("result and error are given: a call has one of them")
        if self.was_called_before and (self.id is None or not self.is_finished):
            raise ValueError("was_called_before needs the id of the call, and its result")

    @property
    def is_finished(self) -> bool:
        """Whether its result comes in the same message."""
        return self.result is not None or self.error is not None

    def blocks(self, call_id: str) -> Iterator[dict[str, Any]]:
        """The blocks that it comes in, whole; *call_id* is its id if it has none itself."""
        call_id = self.id or call_id
        mcp = {} if self.server_name is None else {"server_name": self.server_name}
        kind = "mcp_tool_use" if mcp else "server_tool_use"
        if not self.was_called_before:
            given = dict(self.input)
            yield {"type": kind, "id": call_id, "name": self.name, "input": given, **mcp}
        if not self.is_finished:
            return
        if mcp:
            content = self.result if self.error is None else [{"type": "text", "text": self.error}]
            made = {"type": "mcp_tool_result", "is_error": self.error is not None}
        else:
            result = f"{_result_name(self.name)}_tool_result"
            failed = {"type": f"{result}_error", "error_code": self.error}
            content, made = self.result if self.error is None else failed, {"type": result}
        yield {**made, "tool_use_id": call_id, "content": content}


@dataclass(frozen=True)
class Cited:
    """Text that relies on a page that was found.

    Attributes:
        text: The text.
        url: Where the page is.
        title: What it is called.
        cited_text: Its words.
    """

    text: str
    url: str
    title: str = ""
    cited_text: str = "..."

    def block(self) -> dict[str, Any]:
        """The block that it comes in, whole."""
        citation = {
            "type": "web_search_result_location",
            "url": self.url,
            "title": self.title,
            "cited_text": self.cited_text,
            "encrypted_index": "Eo8BCioIAhgBc2ltdWxhdGVk",
        }
        return {"type": "text", "text": self.text, "citations": [citation]}


def found(*pages: tuple[str, str]) -> list[dict[str, Any]]:
    """The result of a search that found *pages*, each a URL and a title."""
    return [
        {
            "type": "web_search_result",
            "url": url,
            "title": title,
            "encrypted_content": "EqgfCioIARgBc2ltdWxhdGVk",
            "page_age": None,
        }
        for url, title in pages
    ]


def _result_name(name: str) -> str:
    return "tool_search" if name.startswith("tool_search_tool_") else name
