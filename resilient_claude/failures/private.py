"""What of a request no message may repeat: the values that are secret, and what was spoken. Pure.

Speech is what people and Claude said: it stands in `text`, `content`, `thinking` and `input`. The
structure around it (roles, types, ids, names of tools and models) is no speech: an error is told in
these words, and without them nobody could mend it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any


@dataclass(frozen=True, slots=True)
class Private:
    """What no message may show.

    Attributes:
        secrets: values that are hidden wherever they stand: keys, tokens, headers.
        speech: what was said, the latest first; long pieces of it, and short ones as a whole, are
            hidden. It is taken from the iterable only as far as there is time to look.
    """

    secrets: Iterable[str] = ()
    speech: Iterable[str] = ()

    def plus(self, *, secrets: Iterable[str] = (), speech: Iterable[str] = ()) -> Private:
        """The same and more, which is looked at first."""
        return Private(chain(secrets, self.secrets), chain(speech, self.speech))


def private_texts(
    body: Mapping[str, Any], headers: Mapping[str, str], query: Mapping[str, object]
) -> Private:
    """What is private in a request, found as it is iterated over.

    Args:
        body: of the Messages API.
        headers: those beyond the client's own.
        query: the parameters in its URL.
    """
    speech = chain(texts_in(body.get("messages")), texts_in(body.get("system")))
    return Private(_secrets_in(body, headers, query), speech)


# --- speech ---------------------------------------------------------------------------------------

_SPOKEN = {
    *("text", "content", "thinking", "input", "cited_text", "title", "context"),
    *("stdout", "stderr", "lines", "source", "citations", "url"),
}
"""The fields below which there is speech; in `input`, everything is."""

_SHORTEST_NUMBER = 5


def texts_in(value: object) -> Iterator[str]:
    """The speech in a piece of a request, such as its messages: the last item of a list first."""
    stack: list[Iterator[tuple[str, object]]] = [iter([("content", value)])]
    while stack:  # not recursive: arguments may be nested as deep as a model likes
        for name, item in stack[-1]:
            if isinstance(item, str):
                yield item
            elif isinstance(item, dict):
                if len(item) == 2 and name != "input":  # most are, and the long way takes time
                    if isinstance(text := item.get("text"), str):
                        yield text
                        continue
                    if "role" in item and isinstance(content := item.get("content"), list):
                        stack.append(zip(repeat("content"), reversed(content)))
                        break
                stack.append(_fields(item, name))
                break
            elif isinstance(item, (list, tuple)):
                stack.append(zip(repeat(name), reversed(item)))
                break
            elif name == "input" and (number := _number(item)):
                yield number
        else:
            stack.pop()


def _fields(item: dict[str, Any], name: str) -> Iterator[tuple[str, object]]:
    if name == "input":
        return zip(repeat(name), item.values())
    fields = [(key, item[key]) for key in item if key in _SPOKEN]
    # A document may be text; all other data are bytes of images and the like.
    if name == "source" and item.get("type") == "text":
        fields.append(("text", item.get("data")))
    return iter(fields)


def _number(value: object) -> str:
    """A number as a message would quote it, if it is long enough to be somebody's."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e30:
        return ""
    digits = str(value)
    return digits if len(digits) >= _SHORTEST_NUMBER else ""


# --- secrets --------------------------------------------------------------------------------------

_OPEN_HEADERS = {
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "connection",
    "content-type",
    "user-agent",
}
"""Headers whose values are no secrets: errors about them are told in these values."""

_CONVERSATION = {"messages", "system", "tools", "model"}
_SECRET_NAME = re.compile(r"(?i)token$|secret|password|api_?key|authorization|credential|cookie")

# As in `https://host/mcp/s/KEY/mcp`, which is how servers without a header for it do it.
_KEY_IN_PATH = re.compile(r"(?<=[^/]/)[^/?#\s]{16,}")


def _secrets_in(
    body: Mapping[str, Any], headers: Mapping[str, str], query: Mapping[str, object]
) -> Iterator[str]:
    for name, value in headers.items():
        if name.lower() not in _OPEN_HEADERS:
            yield from _strings(value)
    yield from _strings(list(query.values()))
    for name, value in body.items():
        if name == "metadata":  # who the caller is
            yield from _strings(value)
        elif name not in _CONVERSATION:
            yield from _named_secrets(name, value)


def _named_secrets(name: str, value: object) -> Iterator[str]:
    """The strings below *value* that go by the name of a secret, and what a URL hides in itself."""
    if isinstance(value, str):
        if _SECRET_NAME.search(name):
            yield value
        elif "://" in value:
            user, at, _ = value.partition("://")[2].partition("@")
            if at:
                yield from user.split(":")
            yield from re.findall(r"[?&][^=&#\s]*=([^&#\s]+)", value)
            yield from _KEY_IN_PATH.findall(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            inner = name if _SECRET_NAME.search(name) or name == "headers" else str(key)
            yield from _named_secrets("authorization" if inner == "headers" else inner, item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _named_secrets(name, item)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings(list(value.values()))
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from filter(None, [_number(value)])
