"""Whether turns find in the prompt cache what the turns before them have left there.

Theory of operation. What a message has read from the cache and written to it is what the next one
of its conversation should find there, for as long as the API keeps it. If that one reads much less,
the bodies of the two requests are compared; only then, since it takes time that grows with the
call. If nothing has changed, the API has forgotten it; if something has, that is named, by the API
itself where it tells. What had to change is no miss (see `request.cache_miss`).

It cannot see what other processes or adapters have left, nor whether a gateway counts at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilient_claude.request.cache_miss import what_changed
from resilient_claude.request.request import Request
from resilient_claude.response.message import IncomingMessage
from resilient_claude.telemetry.record import CacheMiss

MOST_CONVERSATIONS = 8
_ENOUGH = 0.75
"""Which part of it must be read: the last words may have been said for one turn alone."""
_MARGIN_S = 30.0
"""What is as old as that before its end may be gone: it is counted from the beginning."""


@dataclass(frozen=True, slots=True)
class _Left:
    """What a message has left in the cache, and when, on the event loop's clock."""

    request: Request
    message_id: str
    at_s: float
    tokens: int


class CacheWatch:
    """Remembers of each conversation what its last message has left in the cache."""

    def __init__(self) -> None:
        self._left: dict[int, _Left] = {}  # the one that was answered last comes last
        self._reasons: set[str] = set()

    def previous(self, conversation: int) -> str | None:
        """The id of the last message of a *conversation*; None if there is none yet."""
        left = self._left.get(conversation)
        return None if left is None else left.message_id

    def answered(self, request: Request, message: IncomingMessage, now: float) -> CacheMiss | None:
        """*request* was answered with *message*.

        Args:
            request: what was asked.
            message: the answer, which is whole.
            now: the event loop's clock.

        Returns:
            What should have been read from the cache and was not; None if all was well.
        """
        if request.cached_s is None:
            return None
        usage = message.usage
        before = self._left.pop(request.conversation, None)
        read = usage.cache_read_input_tokens
        tokens = read + usage.cache_creation_input_tokens
        self._left[request.conversation] = _Left(request, message.message_id, now, tokens)
        if len(self._left) > MOST_CONVERSATIONS:
            del self._left[next(iter(self._left))]
        if before is None or read >= before.tokens * _ENOUGH:
            return None
        age_s = now - before.at_s
        if age_s > request.cached_s - _MARGIN_S:
            return None
        reason = what_changed(before.request.body, request.body)
        if reason is None:
            return None
        reason = message.cache_miss_reason or reason
        repeats = reason in self._reasons
        self._reasons.add(reason)
        return CacheMiss(reason, before.tokens, read, age_s, repeats)
