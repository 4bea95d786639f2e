"""What text passes through before it is handed on: filters that take out and join. Pure.

`ThinkingTags` takes out reasoning that a model wrote into its answer. `AfterPrefill` and `Join` put
a continuation behind an answer that broke off, so that no word of it is spoken twice or glued to
the next one. A new attempt gets new filters.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Protocol

TAIL_CHARS = 2000
"""How far back the beginning of a continuation is looked for in what was said, in characters."""

HELD_CHARS = 2 * TAIL_CHARS
"""Longest beginning that is held because it may be a repetition: punctuation may be added to it."""


class TextFilter(Protocol):
    """Text passes through in pieces; what is not decided yet is held until more has come."""

    def feed(self, text: str) -> str:
        """What can be handed on now that *text* has come."""
        ...

    def flush(self) -> str:
        """What is still held, now that no more comes; the end of what is handed on."""
        ...


class ThinkingTags:
    """Takes `<thinking>…</thinking>` out of the text, wherever its pieces are cut.

    Some models write their reasoning into the answer when they have tools. A tag that is never
    closed mutes nothing: its text is handed on at the end, because it may be the answer.
    """

    def __init__(self) -> None:
        self._inside = False
        self._thought: list[str] = []  # between an opening tag and what has come since
        self._rest = ""  # the end of the text, where it may be the beginning of a tag

    def feed(self, text: str) -> str:
        """The part of *text*, and of what was held, that is outside of the tags."""
        said: list[str] = []
        text, start = self._rest + text, 0
        while True:
            tag = _CLOSE if self._inside else _OPEN
            found = text.find(tag, start)
            if found < 0:
                break
            if self._inside:
                self._thought.clear()
            else:
                said.append(text[start:found])
            self._inside = not self._inside
            start = found + len(tag)
        text = text[start:]
        keep = len(text) - _partial(text, tag)
        text, self._rest = text[:keep], text[keep:]
        (self._thought if self._inside else said).append(text)
        return "".join(said)

    def flush(self) -> str:
        """The text of a tag that was never closed, or the beginning of one that was none."""
        held = "".join(self._thought) + self._rest
        self._thought, self._rest, self._inside = [], "", False
        return held


_OPEN, _CLOSE = "<thinking>", "</thinking>"


def _partial(text: str, tag: str) -> int:
    """Length of the longest end of *text* that begins *tag*."""
    longest = min(len(text), len(tag) - 1)
    return next((n for n in range(longest, 0, -1) if tag.startswith(text[-n:])), 0)


class AfterPrefill:
    """Joins what a model adds to an assistant message that it was given to complete.

    Such a model goes on at the very character, inside a word if need be. Only the space between two
    words may come twice: it is left out if what was said ends with one.

    Args:
        said: what the message says so far.
    """

    def __init__(self, said: str) -> None:
        self._spaced = said[-1:].isspace()

    def feed(self, text: str) -> str:
        """*text*, without the spaces at its beginning if what was said ends with one."""
        if self._spaced:
            text = text.lstrip()
            self._spaced = not text
        return text

    def flush(self) -> str:
        """Nothing: this filter holds no text."""
        return ""


class Join:
    """Joins what a model says when it is asked, in words, to go on with what it said.

    It begins with the last words again, or with the next one. What it repeats is left out, and a
    space that is missing between two words is put there. Text is held only as long as it may still
    be a repetition.

    Args:
        said: everything the caller has heard of the answer.
    """

    def __init__(self, said: str) -> None:
        self._tail = said[-TAIL_CHARS:]
        self._plain_tail = _plain(self._tail)
        self._held = ""
        self._joined = False

    def feed(self, text: str) -> str:
        """The part of *text*, and of what was held, that was not said before."""
        if self._joined:
            return text
        self._held = (self._held[:1] if self._held.isspace() else self._held) + text
        start = self._held.lstrip()
        if not start or self._may_repeat(start):
            return ""
        return self._join(start)

    def flush(self) -> str:
        """The part of what is still held that was not said before."""
        start = self._held.lstrip()
        return "" if self._joined or not start else self._join(start)

    def _may_repeat(self, start: str) -> bool:
        """Whether *start* is inside of what was said, so that more of it may be a repetition."""
        if len(start) > HELD_CHARS:
            return False
        return _plain(start) in self._plain_tail or start in self._tail

    def _join(self, start: str) -> str:
        """What follows what was said, if the continuation begins with *start*."""
        self._joined = True
        overlap = self._overlap(start) or self._repeated_words(start)
        if overlap:
            return self._after(start[overlap:])
        if self._tail[-1:].isspace() or not self._tail:
            return start
        meeting = self._tail[-2:] + start[0]
        between_words = _BETWEEN_WORDS.search(meeting) and not _UNSPACED.search(meeting[-2:])
        return f" {start}" if self._held[:1].isspace() or between_words else start

    def _after(self, rest: str) -> str:
        """*rest*, which follows a repetition, without the space that was said already."""
        return rest.lstrip() if self._tail[-1:].isspace() else rest

    def _overlap(self, start: str) -> int:
        """Length of the longest beginning of *start* that ends what was said.

        Part of one word counts only when it is long: "banana" and "nana" share it by chance.
        """
        tail = self._tail.strip()
        for length in range(min(len(tail), len(start)), 0, -1):
            if not tail.endswith(start[:length]):
                continue
            repeated, follows = start[:length], start[length : length + 1]
            begins_word = not _INSIDE_WORD.match(tail[-length - 1 : -length] + start[0])
            ends_word = not _INSIDE_WORD.match(repeated[-1] + follows)
            # A number that was cut in two is begun again: "12" and then "129".
            whole = begins_word and (ends_word or " " in repeated or repeated.isdigit())
            if length >= _BY_CHANCE_CHARS or whole or length == len(tail):
                return length
        return 0

    def _repeated_words(self, start: str) -> int:
        """Length of the words at the beginning of *start* that end what was said.

        Two at least; capitals and punctuation may differ.
        """
        said = [word.casefold() for word in _WORD.findall(self._tail)]
        words = list(islice(_WORD.finditer(start), len(said)))
        begun = [word.group().casefold() for word in words]
        for count in range(len(words), 1, -1):
            if begun[:count] == said[-count:]:
                return words[count - 1].end()
        return 0


def _plain(text: str) -> str:
    """The words of *text*, case folded, with single spaces and no punctuation between them."""
    return " ".join(_WORD.findall(text)).casefold()


# Between two words, the space is missing; between two digits, a number may have been cut in two.
_BETWEEN_WORDS = re.compile(r"[^\W\d]\w$|\d[^\W\d]$|[,;:.!?][^\W\d]$|(?:^|\D)[,;:.!?]\d$")
# Thai, Lao, Khmer, Japanese and Chinese: they put no spaces between words.
_SCRIPTS = "\u0e00-\u0eff\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_UNSPACED = re.compile(f"[{_SCRIPTS}]")
_INSIDE_WORD = re.compile(rf"(?:(?![{_SCRIPTS}_])\w){{2}}")
_WORD = re.compile(r"\w+")
_BY_CHANCE_CHARS = 12
