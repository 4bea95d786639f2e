"""Finds in a short message what it quotes of a conversation, however long that is. Pure.

Theory of operation. A quotation is a run of `RUN_CHARS` characters or more that the message and one
of the texts have in common, or a short text that stands in the message as a whole. Every such run
contains one of the message's *anchors*, which are `_ANCHOR_CHARS` long and stand so close to each
other that no run fits between two of them. So a message of 300 characters has 43 anchors, and each
is looked for in all the texts at once, joined to one string; where one is found, the characters on
both sides are compared.

What that costs is the number of anchors times the characters of the texts, and it is bounded
(`WORK`), because it happens on the event loop of a call: so many texts, so many characters, so
many places where an anchor was found. The words of the API itself need no anchors. The latest texts
are looked at first. When a bound was hit, what cannot be checked any more is what the message shows
as a quotation, and it is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

RUN_CHARS = 12
"""A shared run this long is a quotation, not a coincidence."""

UTTERANCE_CHARS = 5
"""Texts of so many characters are hidden as a whole: "4921." may be a PIN. Shorter ones are in
every message by chance."""

HIDDEN = "[…]"

_ANCHOR_CHARS = 6
_STRIDE = RUN_CHARS - _ANCHOR_CHARS + 1

MOST_TEXTS = 4_000
"""How many texts are looked at."""
MOST_CHARS = 500_000
"""How many characters of them."""
WORK = 1_500_000
"""How many characters, for all anchors together: two or three milliseconds of CPU."""
_MOST_PLACES = 400


def hide_quotations(message: str, texts: Iterable[str]) -> str:
    """*message* without what it quotes of *texts*.

    Args:
        message: on one line, a few hundred characters.
        texts: what was said, the latest first.
    """
    ours = _own_words(message)
    anchors = [at for at in range(0, len(message), _STRIDE) if not _inside(ours, at, len(message))]
    joined, short, complete = _gathered(texts, len(anchors))
    covered = bytearray(len(message))
    for utterance in short:
        at = message.find(utterance)
        while at >= 0:
            covered[at : at + len(utterance)] = b"\1" * len(utterance)
            at = message.find(utterance, at + 1)
    places = 0
    for at in anchors:
        if places > _MOST_PLACES:
            complete = False
            break
        places += _cover(message, at, joined, covered, _MOST_PLACES - places)
    hidden = _without(message, covered, ours)
    return hidden if complete else _QUOTED.sub(_unless_a_name, hidden)


def _gathered(texts: Iterable[str], anchors: int) -> tuple[str, list[str], bool]:
    """The texts as one string, those that are hidden as a whole, and whether that is all."""
    room = min(MOST_CHARS, WORK // max(anchors, 1))
    long: list[str] = []
    short: list[str] = []
    for number, text in enumerate(texts):
        if number == MOST_TEXTS or room <= 0:
            return _on_one_line(long), short, False
        if len(text) >= RUN_CHARS:
            if anchors:
                long.append(text[:room])
                room -= len(text)
        elif len(text) >= UTTERANCE_CHARS:
            text = " ".join(text.split())
            if len(text) >= UTTERANCE_CHARS:
                short.append(text)
    return _on_one_line(long), short, room >= 0


def _on_one_line(texts: list[str]) -> str:
    joined = _BETWEEN.join(texts)
    for space in _SPACES:
        if space in joined:
            joined = joined.replace(space, " ")
    while "  " in joined:
        joined = joined.replace("  ", " ")
    return joined


_BETWEEN = "\0"  # in no message: they are printable
_SPACES = "\n\r\t\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    chr(code) for code in range(0x2000, 0x200B)
)


def _cover(message: str, at: int, joined: str, covered: bytearray, most: int) -> int:
    """Mark the runs around the anchor *at*; returns in how many places it was found."""
    end = at + _ANCHOR_CHARS
    anchor = message[at:end]
    if len(anchor) < _ANCHOR_CHARS:
        return 0
    places, place = 0, joined.find(anchor)
    while place >= 0:
        places += 1
        if places > most:
            return places
        left, right = at, end
        while left > 0 and (there := place - 1 - (at - left)) >= 0:
            if joined[there] != message[left - 1]:
                break
            left -= 1
        while right < len(message) and (there := place + right - at) < len(joined):
            if joined[there] != message[right]:
                break
            right += 1
        if right - left >= RUN_CHARS:
            covered[left:right] = b"\1" * (right - left)
            if right - left == len(message):
                return places
        place = joined.find(anchor, place + 1)
    return places


def _without(message: str, covered: bytearray, ours: list[tuple[int, int]]) -> str:
    """*message* with `HIDDEN` in place of the marked runs, but for the API's own words."""
    parts: list[str] = []
    at = 0
    while at < len(message):
        marked = covered[at]
        end = covered.find(0 if marked else 1, at)
        end = len(message) if end < 0 else end
        shown = not marked or any(first <= at and end <= last for first, last in ours)
        parts.append(message[at:end] if shown else HIDDEN)
        at = end
    return "".join(parts)


# --- the words of the API -------------------------------------------------------------------------

_OURS = re.compile(
    r"(?:(?:\[redacted\]|\b(?:"
    r"(?:messages|content|system|tools|input|text|source)(?:\.\w+)+"
    r"|(?:server_|mcp_)?tool_(?:use|result|choice|use_id)|(?:toolu|srvtoolu|msg|req)_\w+"
    r"|[a-z]+_error|input_schema|cache_control|max_tokens|rate_limit|authentication"
    r"|role|roles|user|assistant|type|thinking|temperature|blocks?|ids?"
    r"|prompt is too long(?:: \d+ tokens(?: > \d+ maximum)?)?"
    r"|invalid x-api-key|credit balance is too low|Overloaded"
    r"|Input should be|Field required|Extra inputs are not permitted|a valid \w+|list|string"
    r"|a|an|the|in|of|or|and|to|is|not|be|has|have|must|should|were|found|without|with|each|its"
    r"|immediately|after|before|corresponding|previous|next|message|messages|single|multiple"
    r"|expected|unexpected"
    r")(?!\w))[ :.,`'>]*)+"
)
"""What the API's own messages are made of. It says no more than what is wrong with the request, so
it is shown even if somebody has said it."""


def _own_words(message: str) -> list[tuple[int, int]]:
    return [match.span() for match in _OURS.finditer(message)]


def _inside(spans: list[tuple[int, int]], at: int, length: int) -> bool:
    """Whether every run that has the anchor *at* in it is made of the API's words alone."""
    start = max(0, at - (RUN_CHARS - _ANCHOR_CHARS))
    end = min(length, at + RUN_CHARS)
    return any(first <= start and end <= last for first, last in spans)


_QUOTED = re.compile(
    r"'[^']{4,}'|\"[^\"]{4,}\"|`[^`]{4,}`|«[^»]{4,}»|“[^”]{4,}”|\b\d(?:[ -]?\d){8,}\b"
)


def _unless_a_name(match: re.Match[str]) -> str:
    """What stands for a quotation that cannot be checked; names of the API are none."""
    quoted = match.group()
    if re.fullmatch(r"\W(?:[a-z]+(?:_[a-z]+)+|claude-[\w.@-]+)\W", quoted):
        return quoted
    return HIDDEN if quoted[0].isdigit() else f"{quoted[0]}{HIDDEN}{quoted[-1]}"
