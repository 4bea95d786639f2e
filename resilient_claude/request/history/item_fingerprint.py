"""What tells whether an item of a history is still the one that a message was made of. Pure.

Theory of operation. Of an item, only some attributes get into a message; which ones depends on its
type. A fingerprint is a tuple of the type and these, so a turn that compares a history with the
last one reads each item once, in one call of `attrgetter`, and most values are the same objects as
before. Items that no provider is sent (a handoff, a change of the agent's configuration) count by
their id, which no other item may have.

Invariant: histories with equal fingerprints, item by item, become equal messages.

A message's content is a list, and applications change it in place. So what is kept to be compared
with later is a `snapshot`, never the fingerprint itself.

It cannot see: an equal value of another type, which livekit's models do not keep from being
assigned (1 for True); an object in a message's content, such as an image, that is changed in place
(no message is kept of content that is not text). It need not see what is in no message: times,
metrics, whether the caller interrupted, and a call's `extra`, whose signed thinking is put back
anew in every turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from livekit.agents import llm

ItemFingerprint: TypeAlias = tuple[Any, ...]
"""An item's type, and what else its message is made of; to be compared, and nothing else."""

_Reader: TypeAlias = Callable[[llm.ChatItem], ItemFingerprint]


# By the item's type. A message's content comes last: `snapshot` relies on it.
_READERS: dict[str, _Reader] = {
    "message": attrgetter("type", "role", "id", "content"),
    "function_call": attrgetter("type", "id", "group_id", "call_id", "name", "arguments"),
    "function_call_output": attrgetter("type", "call_id", "output", "is_error"),
}
_read_any = attrgetter("type", "id")


def fingerprints_of(items: Sequence[llm.ChatItem]) -> list[ItemFingerprint]:
    """The fingerprints of *items*, one by one."""
    return [_READERS.get(item.type, _read_any)(item) for item in items]


def snapshot(fingerprint: ItemFingerprint) -> ItemFingerprint:
    """*fingerprint* as it is now: a change of the content in place makes them differ."""
    if fingerprint[0] != "message" or not isinstance(fingerprint[-1], list):
        return fingerprint
    return (*fingerprint[:-1], [*fingerprint[-1]])
