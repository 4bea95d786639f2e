"""What a message quotes of a conversation is found, in any conversation, at a bounded cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures import quotations
from resilient_claude.failures.quotations import MOST_CHARS, MOST_TEXTS, WORK, hide_quotations

MESSAGE = "messages.0: invalid text 'my card number is 4711' near the end"
HIDDEN = "messages.0: invalid text '[…]' near the end"
OTHER = "Would you like a table at the window? " * 20


def test_a_quotation_is_hidden_and_the_rest_stays() -> None:
    """What is wrong with the request is what the operator is to read."""
    assert hide_quotations(MESSAGE, [OTHER, "well, my card number is 4711", OTHER]) == HIDDEN


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=12, max_size=40),
    st.text("äöü ", max_size=30),
    st.text("äöü ", max_size=30),
)
def test_wherever_it_stands_in_the_message(spoken: str, before: str, after: str) -> None:
    """Anchors stand so close that no quotation fits between two of them."""
    said = f"{OTHER} {spoken} {OTHER}"

    shown = hide_quotations(f"{before}ß{spoken}ß{after}", [said])

    assert not any(spoken[i : i + 12] in shown for i in range(len(spoken) - 11))


STRUCTURE = [
    "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: "
    "toolu_01AbC. Each `tool_use` block must have a corresponding `tool_result` block in the next "
    "message.",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "invalid x-api-key",
]


@pytest.mark.parametrize("message", STRUCTURE)
def test_the_api_s_own_words_are_shown_even_if_somebody_says_them(message: str) -> None:
    """A system prompt about tools must not take the cause out of an error about tools."""
    texts = [
        "Each tool_use block must have a corresponding tool_result",
        "prompt is too long",
        OTHER,
    ]

    assert hide_quotations(message, texts) == message


def counted(texts: int, chars: int, seen: list[int]) -> Iterator[str]:
    for _ in range(texts):
        seen.append(chars)
        yield "x" * chars


@pytest.mark.parametrize(("texts", "chars"), [(130_000, 3), (130_000, 20), (1_000, 10_000)])
def test_the_cost_is_bounded(texts: int, chars: int) -> None:
    """The event loop of a call waits meanwhile."""
    seen: list[int] = []
    anchors = len(MESSAGE) / 7 + 1

    hide_quotations(MESSAGE, counted(texts, chars, seen))

    assert len(seen) <= MOST_TEXTS + 1
    assert sum(c for c in seen if c >= 12) <= min(MOST_CHARS, WORK) + chars
    assert sum(c for c in seen if c >= 12) * anchors <= 2 * WORK + anchors * chars


def test_an_anchor_that_is_everywhere_is_not_followed_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each place costs time in Python."""
    places = 0
    cover = quotations._cover

    def counting(*arguments: object) -> int:
        nonlocal places
        found = cover(*arguments)  # type: ignore[arg-type]
        places += found
        return found

    monkeypatch.setattr(quotations, "_cover", counting)
    shown = hide_quotations("abcdef 'ghijkl mnopq'", ["abcdefx" * 50_000])

    assert places < 1_000
    assert shown == "abcdef '[…]'"  # what was not compared any more


def test_what_cannot_be_checked_is_hidden_where_it_is_quoted() -> None:
    """And the cause, which nobody has quoted, is shown."""
    long = [OTHER] * 10_000 + ["my card number is 4711"]

    assert hide_quotations(MESSAGE, long) == HIDDEN
    assert hide_quotations("at 4929 1234 5678 9012", long) == "at […]"
    for cause in (*STRUCTURE, "model 'claude-sonnet-4-6' not found", "Overloaded"):
        assert hide_quotations(cause, long) == cause


@pytest.mark.parametrize("space", ["\n", "\t", "  ", "\u00a0", "\u2003", " \r\n "])
def test_white_space_is_that_of_one_line(space: str) -> None:
    """The message was put on one line, so what was spoken is too."""
    assert hide_quotations("echo: my card number", [f"my card{space}number"]) == "echo: […]"


def test_no_quotation_goes_over_two_texts() -> None:
    """What ends one and begins the next was never said."""
    texts = ["well, say one two", "three four five"]

    assert hide_quotations("echo: one two three", texts) == "echo: one two three"
