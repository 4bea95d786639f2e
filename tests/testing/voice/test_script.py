"""Lines of a script: what cannot be played is refused when it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilient_claude.testing import HttpError
from resilient_claude.testing.voice import Coughs, Outage, Says

WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: Says(" "), "text must have a word"),
    (lambda: Says("One two", finals=3), r"finals must be 1 to 2, the words, got 3"),
    (lambda: Says("One", finals=0), r"finals must be 1 to 1"),
    (lambda: Says("One", word_s=0), r"word_s must be >= 0.02, got 0"),
    (lambda: Says("One", at_s=-1), r"at_s must be >= 0, got -1"),
    (lambda: Says("One", at_s=1, after_own_s=1), "one moment at most"),
    (lambda: Says("One", at_s=1, repeat=True), "repeat needs when_silent_s"),
    (lambda: Says("One", when_silent_s=0, repeat=True), r"when_silent_s must be > 0"),
    (lambda: Coughs(lasts_s=0), r"lasts_s must be >= 0.02, got 0"),
    (lambda: Outage(HttpError(529), from_s=-1), r"from_s must be >= 0, got -1"),
    (lambda: Outage(HttpError(529), from_s=5, until_s=5), r"until_s must be > from_s, got 5"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_lines_say_what_is_wrong(make: Callable[[], Any], message: str) -> None:
    """A call that can never be played as written."""
    with pytest.raises(ValueError, match=message):
        make()
