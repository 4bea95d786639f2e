"""What a simulated Claude answers in full: answers, HTTP errors and any other response.

Everything here is a frozen value; nothing does I/O.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, TypeAlias

from .server_tools import Cited, ServerToolUse
from .thoughts import Note, Thought, check_not_negative

_NOT_NEGATIVE = (
    "piece_s",
    "first_byte_s",
    "first_token_s",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
)
# Source: https://platform.claude.com/docs/en/api/errors, "HTTP errors".
ERROR_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def words(text: str) -> tuple[str, ...]:
    """Cut *text* into words, each with the white space that follows it; joined they are *text*."""
    return tuple(re.findall(r"\s*\S+\s*|\s+$", text))


@dataclass(frozen=True)
class ToolUse:
    """A tool call of an answer.

    Attributes:
        name: The tool's name.
        input: The arguments, sent as JSON in several pieces of which the first is empty.
        id: The call's id; a new `toolu_...` for every request when None.

    Raises:
        TypeError: *name* is no text, or *input* no dict.
    """

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a str, got {self.name!r}")
        if not isinstance(self.input, Mapping):
            raise TypeError(f"input must be a dict, got {self.input!r}: events= takes any JSON")


Part: TypeAlias = str | Thought | Note | ToolUse | ServerToolUse | Cited
"""What the content of an answer is made of."""


@dataclass(frozen=True)
class Answer:
    r"""A correct answer: a thinking block if any, a text block if any, then the tool calls.

    A request without `"stream": true` gets the same answer as one JSON message, which has no
    content if the request only warms the cache (`max_tokens` 0).

    Attributes:
        text: The spoken text.
        tools: The tool calls after the text.
        thinking: The text of a thinking block before the text, whatever the request asks for.
        content: Instead of *text*, *tools* and *thinking*: texts, `Thought`s, `Note`s,
            `ToolUse`s, `ServerToolUse`s and `Cited` texts, in any order. What of it comes, and how,
            depends on the model and on the thinking that is asked for.
        container: The id of the container that tools have run in.
        stop_reason: When None, `tool_use` with tools, `pause_turn` if a server tool is not done,
            else `end_turn`.
        stop_details: What `message_delta` says of a refusal, as the API does.
        pieces: The text deltas; the words of *text* when None. Given alone, they are the text.
        piece_s: Seconds between two deltas.
        first_byte_s: Seconds before the response headers.
        first_token_s: Seconds between `message_start` with a ping, and the first block.
        input_tokens: Uncached input tokens in `usage`.
        output_tokens: The final cumulative count; the number of deltas when None.
        cache_read_tokens: `cache_read_input_tokens`.
        cache_creation_tokens: `cache_creation_input_tokens`.
        usage: More of `usage`, as the API has it, such as
            `{"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}}`.
        diagnostics: `diagnostics` of the message; none when None.
        events: Ready events (dicts) or raw bytes, sent instead of everything above; a request
            that does not stream is refused. A break finds its point among dicts only.
        model: The model named in the answer; the one requested when None.
        line_end: The line end of the event stream: `\n`, `\r\n` or `\r`.
        drip_bytes: Write the stream in chunks of this many bytes, wherever they cut an event or a
            character, rather than one per event. Before a wait or a break, the rest goes out.

    Raises:
        TypeError: *text* is no text, *tools* no list of tool calls, or a number is none.
        ValueError: A number is negative, or *text* and *pieces* disagree, or *content* is not
            alone or holds something else.
    """

    text: str = ""
    _: KW_ONLY
    tools: Sequence[ToolUse] = ()
    thinking: str | None = None
    content: Sequence[Part] | None = None
    container: str | None = None
    stop_reason: str | None = None
    stop_details: Mapping[str, Any] | None = None
    pieces: Sequence[str] | None = None
    piece_s: float = 0.0
    first_byte_s: float = 0.0
    first_token_s: float = 0.0
    input_tokens: int = 12
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    usage: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] | None = None
    events: Sequence[Mapping[str, Any] | bytes] | None = None
    model: str | None = None
    line_end: Literal["\n", "\r\n", "\r"] = "\n"
    drip_bytes: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(
                f"text must be a str, got {self.text!r}: tool calls go into tools=[...]"
            )
        if isinstance(self.tools, ToolUse) or not all(isinstance(t, ToolUse) for t in self.tools):
            raise TypeError(f"tools must be a list of ToolUse, got {self.tools!r}")
        for name in _NOT_NEGATIVE:
            check_not_negative(name, getattr(self, name) or 0)
        if self.drip_bytes is not None and self.drip_bytes < 1:
            raise ValueError(f"drip_bytes must be >= 1, got {self.drip_bytes}")
        if self.line_end not in ("\n", "\r\n", "\r"):
            raise ValueError(f"line_end must be a line end of SSE, got {self.line_end!r}")
        if self.text and self.pieces is not None and "".join(self.pieces) != self.text:
            raise ValueError(f"pieces joined must be the text {self.text!r}, got {self.pieces!r}")
        if self.content is not None:
            self._check_content(self.content)

    def _check_content(self, content: Sequence[object]) -> None:
        for name in ("text", "tools", "thinking", "pieces", "events"):
            if getattr(self, name):
                raise ValueError(f"content and {name} are given: content is all there is")
        if isinstance(content, str) or any(not isinstance(part, Part) for part in content):
            raise ValueError(
                "content must be a list of texts, Thought, Note, ToolUse, ServerToolUse and Cited,"
                f" got {content!r}"
            )

    @property
    def calls(self) -> tuple[ToolUse, ...]:
        """The tool calls in order."""
        return tuple(part for part in self.content or self.tools if isinstance(part, ToolUse))

    @property
    def server_calls(self) -> tuple[ServerToolUse, ...]:
        """The calls of tools that Anthropic runs, in order."""
        return tuple(part for part in self.content or () if isinstance(part, ServerToolUse))

    @property
    def text_pieces(self) -> tuple[str, ...]:
        """The text deltas in order."""
        return words(self.text) if self.pieces is None else tuple(self.pieces)


@dataclass(frozen=True)
class HttpError:
    """A documented JSON error answer with an HTTP status.

    Attributes:
        status: The HTTP status.
        type: `error.type`; the documented one for *status* when None.
        message: `error.message`.
        headers: More response headers, such as `retry-after`.
        body: Sent instead of the documented body: bytes, text or JSON.
        request_id: The `request-id` header; a new `req_...` for every response when empty, and
            none at all when None, as on a proxy's error page.

    Raises:
        TypeError: *status* is no int, or *headers* is no dict of texts.
        ValueError: *status* is a success, for which there is `Raw`, or none at all.
    """

    status: int
    type: str | None = None
    message: str = "Simulated error"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | Mapping[str, Any] | None = None
    request_id: str | None = ""

    def __post_init__(self) -> None:
        if not isinstance(self.status, int):
            raise TypeError(f"status must be an int, got {self.status!r}")
        _check_headers(self.headers)
        if not 300 <= self.status <= 599:
            raise ValueError(
                f"status must be from 300 to 599, got {self.status}: Raw takes any other"
            )

    @property
    def error_type(self) -> str:
        """The `error.type` that is sent."""
        # "Other 4XX" are documented. Assumed: other 5xx have the type of 500.
        fallback = "api_error" if self.status >= 500 else "invalid_request_error"
        return self.type or ERROR_TYPES.get(self.status, fallback)


@dataclass(frozen=True)
class Raw:
    """Any other complete response: a captive portal's HTML, an empty body, a proxy's 502.

    Attributes:
        body: The response body.
        status: The HTTP status.
        content_type: The `content-type` header.
        headers: More response headers.

    Raises:
        TypeError: *body* is no bytes and no text, *status* is no int, or *headers* is no dict of
            texts.
    """

    body: bytes | str
    status: int = 200
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.body, bytes | str):
            raise TypeError(f"body must be bytes or a str, got {self.body!r}")
        if not isinstance(self.status, int):
            raise TypeError(f"status must be an int, got {self.status!r}")
        _check_headers(self.headers)


def _check_headers(headers: object) -> None:
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a dict, got {headers!r}")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"headers[{name!r}] must be a str, got {value!r}")
