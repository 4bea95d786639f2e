"""What has changed between two requests, so that the prompt cache missed."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.cache_miss import NOTHING_CHANGED, what_changed
from tests.support.builders import EPHEMERAL, assistant, call, result, text, user

from .test_thinking import THOUGHT

BEFORE = {
    "model": "claude-x",
    "system": [text("Be kind.", cache_control=EPHEMERAL)],
    "messages": [user("1"), assistant("2"), user(text("3", cache_control=EPHEMERAL))],
}
GROWN = [user("1"), assistant("2"), user("3"), assistant("4"), user("5")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, NOTHING_CHANGED),
        ({"max_tokens": 7, "system": [text("Be kind.")]}, NOTHING_CHANGED),
        ({"model": "claude-y", "system": []}, "model_changed"),
        ({"speed": "fast"}, "model_changed"),
        ({"tools": [{"name": "a"}], "system": []}, "tools_changed"),
        ({"system": [text("It is noon.")]}, "system_changed"),
        ({"thinking": {"type": "adaptive"}}, "thinking_changed"),
        ({"output_config": {"effort": "low"}}, "output_config_changed"),
        ({"tool_choice": {"type": "none"}}, "tool_choice_changed"),
        ({"messages": [user("0"), *GROWN[1:]]}, "messages_changed"),
        ({"messages": GROWN[4:]}, "messages_changed"),
        ({"messages": [*GROWN[:2], user("other")]}, None),
        ({"messages": GROWN[:2]}, None),
        ({"messages": [*GROWN[:2], "no message"]}, None),
    ],
)
def test_the_first_difference_is_named(change: dict[str, Any], reason: str | None) -> None:
    """The last message may have held what was said for one turn alone."""
    assert what_changed(BEFORE, {**BEFORE, "messages": GROWN, **change}) == reason


def test_thinking_that_went_with_its_loop_is_no_miss() -> None:
    """It has to: only an open loop takes its thinking back."""
    loop = [user("1"), assistant(THOUGHT, call("a")), user(result("a", "Sunny"))]
    after = [assistant("Well.", call("a")), user(result("a", "Sunny")), assistant("2"), user("3")]

    assert what_changed({"messages": loop}, {"messages": [user("1"), *after]}) is None
    assert what_changed({"messages": loop}, {"messages": [user("0"), *after]}) == "messages_changed"


def test_what_the_application_sends_of_its_own_may_be_anything() -> None:
    """A gateway may answer it all the same."""
    assert what_changed({"messages": []}, {"messages": []}) is None
    assert what_changed({"messages": ["a", "b"]}, {"messages": ["c", "b"]}) == "messages_changed"
