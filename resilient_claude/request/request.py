"""One Messages API request, ready to be sent any number of times. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from resilient_claude.failures.faults import Fault
from resilient_claude.request.history.plain_json import KnownJson
from resilient_claude.request.tools.names import ToolAlias, as_called
from resilient_claude.request.tools.schemas import Definition

from .encoding import encode
from .models import Model
from .prefix import prefix_of


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An argument that could not be sent as given, and why; for the caller to log once."""

    argument: str
    reason: str


@dataclass(frozen=True)
class Request:
    """One Messages API request, ready to be sent any number of times; never changed in place.

    Attributes:
        body: The JSON body, in the SDK's key order.
        headers: Headers beyond the client's own.
        query: Query parameters.
        adjustments: What had to be changed.
        timeout_s: The caller's own timeout for this call, seconds.
        asked: Who is asked, and what it accepts.
        aliases: What the agent calls those tools that have another name at the API, by that name.
        notes: What is to be done with what the thinking of its answer says.
        known_json: The JSON of what the messages begin with, or did before they were changed.
        go_on: What a user says behind an assistant's message that the model is to go on with, if
            it does not go on with one.
        built: The body as it was made of the turn's history: before anything was mended, or gone on
            with; None if it was made of nothing else.
        goes_on: Whether it goes on with an answer that was paused, or broke off.
        begun: How many blocks at the end of its last message are of the answer that it asks to go
            on with.
        conversation: Number of the conversation that it goes on with.
        cached_s: How long the API keeps what of it is cached, seconds; None if it is not to cache.
        repeatable: The names of the MCP servers whose calls may be made twice.
        preparations: What takes too long for an event loop: images to encode and to make smaller.
            A word stands for each of these, until the request is made again.
        remake: Makes it again; None where nobody prepares anything.
    """

    body: dict[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, object] = field(repr=False)
    adjustments: tuple[Adjustment, ...] = ()
    timeout_s: float | None = None
    asked: Model = field(default_factory=lambda: Model.parse(""), compare=False, repr=False)
    aliases: Mapping[str, ToolAlias] = field(default_factory=dict, repr=False)
    notes: Literal["speak", "event", "off"] = field(default="off", repr=False)
    known_json: KnownJson | None = field(default=None, repr=False)
    go_on: str = field(default=".", compare=False, repr=False)
    built: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    goes_on: bool = field(default=False, compare=False, repr=False)
    begun: int = field(default=0, compare=False, repr=False)
    conversation: int = field(default=0, compare=False, repr=False)
    cached_s: float | None = field(default=None, compare=False, repr=False)
    repeatable: Sequence[str] = field(default=(), repr=False)
    preparations: tuple[Callable[[], object], ...] = field(default=(), compare=False, repr=False)
    remake: Callable[[], Request | Fault] | None = field(default=None, compare=False, repr=False)
    _content: bytes | None = field(default=None, init=False, compare=False, repr=False)

    def content(self) -> bytes:
        """The body as the SDK would encode it; encoded once.

        Raises:
            TypeError: A field of the body is not JSON; the message names the field.
        """
        if self._content is None:
            object.__setattr__(self, "_content", encode(self.body, self.known_json))
        assert self._content is not None
        return self._content

    def as_called(self, name: str, arguments: str) -> tuple[str, str]:
        """The name and the arguments of a call in the answer, as the agent knows them."""
        return as_called(self.aliases, name, arguments)

    def without_strict(self) -> Request | None:
        """The same without strict tools, for an API that could not compile their schemas.

        Returns:
            None if no tool is strict: then it would be rejected again.
        """
        tools = self.body.get("tools") or ()
        strict = [isinstance(tool, Mapping) and tool.get("strict") is True for tool in tools]
        if not any(strict):
            return None
        loose = [
            _loose(tool) if is_strict else tool
            for tool, is_strict in zip(tools, strict, strict=True)
        ]
        return replace(self, body=self.body | {"tools": loose})

    @property
    def model(self) -> str:
        """The id of the model that it asks: the call's own, or else the adapter's."""
        return str(self.body["model"])

    def prefix(self) -> str:
        """What the thinking of the answer is bound to, for its `ThinkingRecord`.

        It is looked at where the next request is made of its history. What of this one was mended
        is mended there as well, but behind that; what was gone on with is never the same again.
        """
        body = self.body if self.goes_on or self.built is None else self.built
        return prefix_of(body, len(body["messages"]))


def _loose(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(tool, Definition):
        return tool.without_strict()  # with its JSON, for the next turn too
    return {key: value for key, value in tool.items() if key != "strict"}
