"""What tools did at Anthropic's while Claude answered, and what its words rely on. Pure.

It is for the application: in the event `claude_turn_ended`, and in the last chunk, which livekit
keeps with the message. So it is bounded, and holds nothing that only the API can read: encrypted
contents stay in the blocks (see `blocks`). It comes from the network: what is not as expected is
passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any

from resilient_claude.failures.redaction import identifier

from .blocks import RESULT, Block

MOST_CALLS = 50
MOST_SOURCES = 20
"""Most pages of one call that are told of."""
MOST_CITATIONS = 100
LONGEST_TEXT = 500
LONGEST_URL = 2_000
LONGEST_OUTPUT = 4_000
"""How much of what code or a server wrote is kept, in characters."""


@dataclass(frozen=True, slots=True)
class Source:
    """A page that was found or read.

    Attributes:
        url: Where it is.
        title: What it is called; None if that is not told.
        page_age: When it was changed last, in words; None likewise.
    """

    url: str
    title: str | None = None
    page_age: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """What some words of the answer rely on.

    Attributes:
        cited_text: The words that were relied on.
        url: Where they stand; None if that is no page.
        title: What that is called; None if it is not told.
    """

    cited_text: str = field(repr=False)
    url: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class ServerToolCall:
    """One call of a tool that Anthropic runs.

    Attributes:
        id: Of the call.
        name: Of the tool, such as "web_search".
        input: What it was called with, as far as that is short.
        server_name: Of the MCP server; None if it is none's.
        error: Why it failed, in the API's word, such as "max_uses_exceeded"; None if it did not.
        sources: The pages that it found or read.
        tools: The names of the function tools that it found.
        output: What the code or the server wrote, its beginning; None if nothing.
        finished: Whether there was a result; there is none yet if the turn ended before it.
    """

    id: str
    name: str
    input: Mapping[str, Any] = field(default_factory=dict, repr=False)
    server_name: str | None = None
    error: str | None = None
    sources: tuple[Source, ...] = field(default=(), repr=False)
    tools: tuple[str, ...] = ()
    output: str | None = field(default=None, repr=False)
    finished: bool = True

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON, without what is not there; `finished` only where it is not."""
        sources = [_without_none(source) for source in self.sources]
        made = _without_none(self)
        made |= {"input": dict(self.input), "sources": sources, "tools": [*self.tools]}
        return {name: value for name, value in made.items() if value not in ({}, [], True)}


@dataclass(frozen=True, slots=True)
class ServerWork:
    """What tools did in one message, or in several of a turn.

    Attributes:
        calls: In the order in which they began.
        citations: In the order of the text.
    """

    calls: tuple[ServerToolCall, ...] = ()
    citations: tuple[Citation, ...] = ()

    def __add__(self, later: ServerWork) -> ServerWork:
        """Both together: a call of this one may have its result in the *later* one."""
        calls = [*self.calls]
        for call in later.calls:
            at = self._waiting(call)
            if at is None:
                calls.append(call)
                continue
            known = calls[at]
            calls[at] = replace(
                call, name=known.name, input=known.input, server_name=known.server_name
            )
        return ServerWork(
            tuple(calls[:MOST_CALLS]), (*self.citations, *later.citations)[:MOST_CITATIONS]
        )

    def _waiting(self, call: ServerToolCall) -> int | None:
        """Where the call is that *call* is the result of; None if it is none's."""
        same = (at for at, each in enumerate(self.calls) if each.id == call.id != "")
        return next((at for at in same if not self.calls[at].finished), None)

    def to_extra(self) -> dict[str, Any]:
        """The same for the last chunk: nothing where there is nothing."""
        if self is NO_WORK:
            return {}
        extra = {
            "server_tools": [call.as_dict() for call in self.calls],
            "citations": [_without_none(citation) for citation in self.citations],
        }
        return {name: value for name, value in extra.items() if value}


NO_WORK = ServerWork()
"""That of most messages."""


def server_work(blocks: Iterable[Block]) -> ServerWork:
    """What tools did in the message that has these *blocks*."""
    uses: dict[str, Block] = {}
    results: dict[str, Block] = {}
    citations: list[Citation] = []
    for block in blocks:
        if block.is_server_call:
            uses[_id_of(block, "id")] = block
        elif block.is_server_result:
            results[_id_of(block, "tool_use_id")] = block
        for citation in islice(block.citations, MOST_CITATIONS - len(citations)):
            if isinstance(citation, dict) and (text := _text(citation.get("cited_text"))):
                title = citation.get("title") or citation.get("document_title")
                url = _text(citation.get("url"), LONGEST_URL)
                citations.append(Citation(text, url, _text(title)))
    # The result of a call that waited for a tool of ours comes in the message after it.
    ids = islice({**uses, **results}, MOST_CALLS)
    calls = [_call_of(each, uses.get(each), results.get(each)) for each in ids]
    return ServerWork(tuple(calls), tuple(citations))


def _id_of(block: Block, name: str) -> str:
    return identifier(block.start.get(name)) or ""


def _call_of(call_id: str, use: Block | None, result: Block | None) -> ServerToolCall:
    name, given, server = "", {}, None
    if use is not None:
        name = identifier(use.start.get("name")) or ""
        server = identifier(use.start.get("server_name"))
        given = _input_of(use)
    if result is None:
        return ServerToolCall(call_id, name, given, server, finished=False)
    name = name or (identifier(result.type.removesuffix(RESULT)) or "")
    content = result.start.get("content")
    some: list[Any] = content[:MOST_SOURCES] if isinstance(content, list) else [content]
    parts: list[dict[str, Any]] = [part for part in some if isinstance(part, dict)]
    errors = [part for part in parts if str(part.get("type")).endswith("_error")]
    error = identifier(errors[0].get("error_code")) or "unknown" if errors else None
    if result.start.get("is_error") is True:
        error = error or "error"
    return ServerToolCall(
        call_id,
        name,
        given,
        server,
        error,
        _sources(parts),
        _tools(parts),
        _output(content if isinstance(content, str) else None, parts),
    )


def _input_of(use: Block) -> dict[str, Any]:
    if not use.closed or use.weight() + sum(map(len, use.parts)) > LONGEST_OUTPUT:
        return {}
    try:
        return use.input()[1]
    except ValueError:
        return {}


def _sources(parts: list[dict[str, Any]]) -> tuple[Source, ...]:
    """Found pages stand in the result, and one that was read has its title deeper in it."""
    found = []
    for part in parts:
        url = _text(part.get("url"), LONGEST_URL)
        document = part.get("content")
        title = document.get("title") if isinstance(document, dict) else part.get("title")
        if url is not None:
            found.append(Source(url, _text(title), _text(part.get("page_age"))))
    return tuple(found[:MOST_SOURCES])


def _tools(parts: list[dict[str, Any]]) -> tuple[str, ...]:
    found = [each for part in parts for each in _list(part.get("tool_references"))]
    names = [_text(each.get("tool_name")) for each in found if isinstance(each, dict)]
    return tuple([name for name in names if name is not None][:MOST_SOURCES])


def _output(whole: str | None, parts: list[dict[str, Any]]) -> str | None:
    texts = [whole, *(part.get(key) for part in parts for key in ("stdout", "stderr", "text"))]
    pieces = [text[:LONGEST_OUTPUT] for text in texts if isinstance(text, str)]
    return "".join(pieces)[:LONGEST_OUTPUT] or None


def _list(value: object) -> list[Any]:
    return value[:MOST_SOURCES] if isinstance(value, list) else []


def _text(value: object, longest: int = LONGEST_TEXT) -> str | None:
    return value[:longest] if isinstance(value, str) and value else None


def _without_none(value: Source | Citation | ServerToolCall) -> dict[str, Any]:
    named = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: each for name, each in named.items() if each is not None}
