"""The one table of what is true of every failure of a kind."""

from __future__ import annotations

import re

import pytest
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from resilient_claude.failures import livekit_errors
from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.kinds import FACTS


def test_every_kind_has_its_row() -> None:
    """A kind without facts would be a KeyError in the middle of a failing call."""
    assert FACTS.keys() == {*FailureKind}


@pytest.mark.parametrize("kind", FailureKind)
def test_a_status_belongs_to_a_status_error(kind: FailureKind) -> None:
    """And to no other: livekit's other errors have none."""
    facts = FACTS[kind]

    assert (facts.status is not None) == (facts.error is APIStatusError)


@pytest.mark.parametrize("kind", FailureKind)
def test_only_what_is_tried_again_has_a_limit_of_its_own(kind: FailureKind) -> None:
    """A limit of retries for what is never retried would be read as if it were."""
    facts = FACTS[kind]

    assert facts.retryable or (facts.most_retries is None and not facts.throttled)


def drawn() -> dict[str, tuple[type[APIError], int | None]]:
    """The drawing of what comes out, in the docstring of the module that makes it."""
    classes = {
        c.__name__: c for c in (APIError, APIConnectionError, APITimeoutError, APIStatusError)
    }
    found: dict[str, tuple[type[APIError], int | None]] = {}
    current: type[APIError] | None = None
    for line in (livekit_errors.__doc__ or "").splitlines():
        name = re.search(r"API\w*Error", line) if line.startswith("    ") else None
        current = classes[name.group()] if name else current if line.startswith("     ") else None
        rest = line[name.end() :] if name else line
        for kind, status in re.findall(r"(\b[a-z_]+\b)(?: \((\d+)\))?", rest if current else ""):
            assert current is not None
            found[kind] = current, int(status) if status else None
    return found


def test_the_drawing_shows_what_comes_out() -> None:
    """Whoever handles errors reads the drawing, not the table."""
    assert drawn() == {str(kind): (facts.error, facts.status) for kind, facts in FACTS.items()}
