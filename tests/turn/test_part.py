"""What one part of a turn may do."""

from __future__ import annotations

from resilient_claude.response.text_filters import AfterPrefill, Join, ThinkingTags
from resilient_claude.turn.part import MAX_PAUSES, Part
from tests.support.builders import assistant, build, user


def test_an_answer_that_goes_on_or_follows_a_tool_may_be_empty() -> None:
    """Everything may have been said already."""
    request = build()

    assert not Part(request).may_be_empty
    assert Part(request, resumed=True).may_be_empty
    assert Part(request, follows_tool=True).may_be_empty


def test_an_answer_that_had_begun_to_call_a_tool_may_not() -> None:
    """ "I look it up." and nothing more would be silence."""
    assert not Part(build(), resumed=True, owes_call=True).may_be_empty


def test_a_turn_pauses_only_so_often() -> None:
    """Server tools that never end would be billed for ever."""
    assert Part(build(), pauses=MAX_PAUSES - 1).may_pause
    assert not Part(build(), pauses=MAX_PAUSES).may_pause


def test_what_the_text_passes_depends_on_how_it_is_resumed() -> None:
    """A model that goes on from its own words repeats none; one that is asked to, some."""
    prefilled = build(extra={"messages": [user("Hi"), assistant("So")]})

    def kinds(part: Part, *, filter_thinking: bool) -> list[type]:
        return [type(each) for each in part.filters(["So"], filter_thinking=filter_thinking)]

    assert kinds(Part(build()), filter_thinking=False) == []
    assert kinds(Part(build()), filter_thinking=True) == [ThinkingTags]
    assert kinds(Part(build(), resumed=True), filter_thinking=True) == [ThinkingTags, Join]
    assert kinds(Part(prefilled, resumed=True), filter_thinking=False) == [AfterPrefill]
