"""What is said and what is not: text in any pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.response.text_filters import (
    HELD_CHARS,
    AfterPrefill,
    Join,
    TextFilter,
    ThinkingTags,
)


def said(filter_: TextFilter, *pieces: str) -> str:
    return "".join([filter_.feed(piece) for piece in pieces]) + filter_.flush()


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, start = [], 0
    for size in [*sizes, len(text)]:
        pieces.append(text[start : start + size])
        start += size
    return pieces


PIECES = st.lists(st.integers(1, 12), max_size=40)


@given(PIECES)
def test_thinking_is_taken_out_across_chunk_borders(sizes: list[int]) -> None:
    """Tokens cut a tag anywhere; the plugin looks only at the start of a chunk."""
    text = "Hello. <thinking>They want\n4711.</thinking>Sure, <thinking></thinking>one moment."

    assert said(ThinkingTags(), *cut(text, sizes)) == "Hello. Sure, one moment."


@given(st.text(alphabet="<thinkg>/ a", max_size=80), PIECES)
def test_text_without_a_whole_pair_of_tags_is_said_whole(text: str, sizes: list[int]) -> None:
    """A filter must never mute an answer: an unclosed tag is said at the end."""
    if "</thinking>" in text:
        return
    expected = text.replace("<thinking>", "", 1)

    assert said(ThinkingTags(), *cut(text, sizes)) == expected


def test_text_before_a_tag_is_not_held() -> None:
    """Only what may begin a tag waits."""
    tags = ThinkingTags()

    assert tags.feed("Hello <b") == "Hello <b"
    assert tags.feed("old> a <thin") == "old> a "
    assert tags.feed("g") == "<thing"


@pytest.mark.parametrize(
    ("before", "continuation", "joined"),
    [
        ("One two", " three.", "One two three."),
        ("One two", "three.", "One two three."),
        ("One two ", "three.", "One two three."),
        ("One two ", " three.", "One two three."),
        ("One two", "two three.", "One two three."),
        ("One two ", "two three.", "One two three."),
        ("One two", "One two three.", "One two three."),
        ("One two", "one two three.", "One two three."),
        ("One two,", " three.", "One two, three."),
        ("One two,", "two, three.", "One two, three."),
        ("One banana", "nana split.", "One banana nana split."),
        ("I have 1", "1 apple.", "I have 1 apple."),
        ("One two three", "two", "One two three two"),
        ("One two.", "", "One two."),
        ("One two.", "One two.", "One two."),
        ("he reach", "he reached home.", "he reached home."),
        ("It costs $1", "20.", "It costs $120."),
        ("It costs $1,", "200.", "It costs $1,200."),
        ("Room 12", "and 13.", "Room 12 and 13."),
        ("We can", "cancel that.", "We can cancel that."),
        ("I want to", "together we go.", "I want to together we go."),
        ("The price is 12", "129 euros.", "The price is 129 euros."),
        ("Room 1", "12 is free.", "Room 12 is free."),
        ("你好，我是", "我是克劳德。", "你好，我是克劳德。"),
        ("你好，我是", "克劳德。", "你好，我是克劳德。"),
        ("Room", "12.", "Room 12."),
        ("Good morning,", "how are you?", "Good morning, how are you?"),
        ("At noon.", "Or at one?", "At noon. Or at one?"),
        ("Mari", "Marigold Lane", "Marigold Lane"),
        ("Good morning, how", "Good morning! How are you?", "Good morning, how are you?"),
        ("Grüße 👋", "👋 an alle", "Grüße 👋 an alle"),
    ],
)
def test_a_continuation_is_joined(before: str, continuation: str, joined: str) -> None:
    """Nothing said is said again, and no two words become one."""
    assert before + said(Join(before), *continuation) == joined
    assert before + said(Join(before), continuation) == joined


@pytest.mark.parametrize(
    ("before", "continuation", "joined"),
    [
        ("One th", "ree.", "One three."),
        ("One two", " three.", "One two three."),
        ("One two ", " three.", "One two three."),
        ("One two ", "three.", "One two three."),
    ],
)
def test_what_follows_a_prefill_goes_on_inside_a_word(
    before: str, continuation: str, joined: str
) -> None:
    """A model that continues the message itself repeats nothing, and knows where the spaces are."""
    assert before + said(AfterPrefill(before), *continuation) == joined


WORDS = st.lists(st.sampled_from(["eins", "zwei", "drei", "one", "two"]), min_size=1, max_size=12)


@given(WORDS, WORDS, st.integers(0, 12), PIECES)
def test_repeated_words_are_dropped_whatever_their_number(
    before: list[str], after: list[str], repeated: int, sizes: list[int]
) -> None:
    """The model repeats the last words, all of them, or none."""
    said_before = " ".join(before)
    again = before[len(before) - min(repeated, len(before)) :]
    continuation = " ".join([*again, "NEW", *after])

    joined = said_before + said(Join(said_before), *cut(continuation, sizes))

    assert joined == " ".join([*before, "NEW", *after])


class CountedText(str):
    """Text that counts how many of its characters are looked at or copied."""

    __slots__ = ()
    work = 0

    @classmethod
    def _count(cls, chars: int) -> None:
        cls.work += chars

    def __add__(self, other: str) -> CountedText:
        self._count(len(self) + len(other))
        return CountedText(str(self) + str(other))

    def __radd__(self, other: str) -> CountedText:
        self._count(len(self) + len(other))
        return CountedText(str(other) + str(self))

    def __getitem__(self, key: Any) -> CountedText:
        part = str(self)[key]
        self._count(len(part))
        return CountedText(part)

    def find(self, wanted: str, start: Any = 0, end: Any = None) -> int:
        found = str(self).find(wanted, start)
        self._count((len(self) if found < 0 else found + len(wanted)) - start)
        return found

    def lstrip(self, chars: Any = None) -> CountedText:
        self._count(len(self))
        return CountedText(str(self).lstrip(chars))

    def __contains__(self, wanted: Any) -> bool:
        self._count(len(self))
        return str(self).__contains__(wanted)

    def _unknown(self, *arguments: Any, **keywords: Any) -> NoReturn:
        raise NotImplementedError("count this too")

    partition = rpartition = split = rsplit = index = replace = _unknown


FLOODS = {
    "tags": "<thinking></thinking>",
    "openings": "<thinking>",
    "beginnings": "<think",
    "words": "word ",
    "dots": ".",
    "space": " ",
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("piece_chars", [7, 100_000])
@pytest.mark.parametrize(
    "make", [ThinkingTags, lambda: AfterPrefill("One "), lambda: Join("word.")]
)
def test_work_grows_with_the_text_and_no_faster(
    make: Callable[[], TextFilter], piece_chars: int, flood: str
) -> None:
    """In one piece or in many: a quadratic filter stops the calls of everybody else."""
    text = FLOODS[flood] * (100_000 // len(FLOODS[flood]))
    filter_ = make()
    CountedText.work = 0

    for start in range(0, len(text), piece_chars):
        filter_.feed(CountedText(text[start : start + piece_chars]))
    filter_.flush()

    held_for = HELD_CHARS if isinstance(filter_, Join) else 0
    assert CountedText.work <= 12 * len(text) + 3 * held_for * held_for / piece_chars


def test_what_is_held_is_bounded() -> None:
    """Punctuation says nothing that was not said before, however much of it comes."""
    join = Join("One two three four")

    said = "".join(join.feed("...") for _ in range(HELD_CHARS))

    assert len(said) == 3 * HELD_CHARS


def test_only_what_may_be_a_repetition_is_held() -> None:
    """The caller does not wait for the end of the sentence."""
    join = Join("One two three four")

    assert join.feed("two thr") == ""
    assert join.feed("ee x") == " two three x"
    assert join.feed(" y") == " y"
