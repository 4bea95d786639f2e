"""What a repair is: one kind of reason why a request is rejected, and what then is left. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.request import Adjustment, Request

Mended: TypeAlias = tuple[Request, Adjustment]
"""A request that may be taken, and what is other than it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repair:
    """One kind of reason why a request is rejected.

    Attributes:
        words: what the API says then.
        codes: its `error_code`s for it, or a gateway's.
        about: which part of the rejected request it is; None if there is no such part, so that the
            same would be rejected again. It is remembered instead of the part, so it is short, and
            holds nothing of the conversation.
        mend: a request without that part; None if the request does not have it, as the one that it
            was found in does.
    """

    words: re.Pattern[str]
    codes: frozenset[str] = frozenset()
    about: Callable[[Request, ApiError], Hashable | None]
    mend: Callable[[Request, Any], Mended | None]


class Cause(NamedTuple):
    """Why a request was rejected: the kind of reason, and which part of the request it was."""

    repair: Repair
    about: Hashable

    def mend(self, request: Request) -> Mended | None:
        """*request* without that part; None if it does not have it."""
        return self.repair.mend(request, self.about)


def digest(value: object) -> str:
    """A short text that is another one for another *value*, and tells nothing of it."""
    text = json.dumps(value, default=str, sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def field_of(holder: object, name: str) -> Any:
    """The field *name* of *holder*; None if it is no object or has none of the name."""
    return holder.get(name) if isinstance(holder, dict) else None


def items_of(value: object) -> list[Any]:
    """*value* if it is a list, else one of nothing."""
    return value if isinstance(value, list) else []


def kind_of(block: object) -> object:
    """The type of *block*, if it is one."""
    return field_of(block, "type")


def messages_of(request: Request) -> list[Any]:
    """The messages of *request*, which may be the caller's own, of any shape."""
    return items_of(request.body.get("messages"))


def content_of(holder: object) -> list[Any]:
    """The blocks of a message or of a tool's result; of one that is a text, none."""
    return items_of(field_of(holder, "content"))


def with_messages(request: Request, messages: list[Any]) -> Request:
    """*request* with other messages."""
    return replace(request, body={**request.body, "messages": messages})
