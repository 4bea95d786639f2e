"""The calls as an SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from resilient_claude.cli.demo.picture import WIDTH, drawn

from ...support.lanes import ANSWER, HOLD, call, said

SVG = "{http://www.w3.org/2000/svg}"
CALLS = [
    call(said(), said(HOLD, ANSWER)),
    call(said(ANSWER, tools=2), said(ANSWER, tools=1), fault="a tool"),
]


@pytest.fixture(scope="module")
def picture() -> ElementTree.Element:
    return ElementTree.fromstring(drawn(CALLS, "The calls", "of today\nplayed"))


def words(picture: ElementTree.Element) -> list[str]:
    return ["".join(each.itertext()).strip() for each in picture.iter(f"{SVG}text")]


def boxes(picture: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    """The seconds of all boxes of a *kind* that tell what they are."""
    found = [e for e in picture.iter(f"{SVG}rect") if e.get("class") == kind and len(e)]
    places = [(float(e.attrib["x"]), float(e.attrib["width"])) for e in found]
    return [((x - 130) / 28, (x + width - 130) / 28) for x, width in places]


def test_it_needs_nothing_from_elsewhere() -> None:
    """A picture in a page loads no fonts, no scripts and no other pictures."""
    drawing = drawn(CALLS, "The calls", "")

    assert re.findall(r"https?://[^\"]*", drawing) == ["http://www.w3.org/2000/svg"]
    assert "@import" not in drawing
    assert "<script" not in drawing
    assert "href" not in drawing


def test_it_says_who_heard_what(picture: ElementTree.Element) -> None:
    """Words that XML reads as its own are words all the same."""
    said_of_both = words(picture)

    for text in ("The calls", "of today", HOLD, ANSWER, "nothing", "longest silence 18.8 s"):
        assert text in said_of_both
    assert any(text.startswith("1. overloaded <&>") for text in said_of_both)
    assert {"book 2x", "book 1x"} <= {*said_of_both}


def test_words_are_read_in_their_order_wherever_a_line_is_broken() -> None:
    """One text of several lines: who copies it or has it read aloud gets the sentence."""
    long = "We are open from five until eleven tonight, and tomorrow from four."
    crowded = call(said(long, HOLD), said(long))
    spoken = [each for each in words(ElementTree.fromstring(drawn([crowded], "", ""))) if each]

    assert [" ".join(each.split()) for each in spoken].count(long) == 2


def test_time_runs_from_left_to_right(picture: ElementTree.Element) -> None:
    """One scale for all calls: a silence twice as long is twice as wide."""
    silences, agents = boxes(picture, "silence"), boxes(picture, "agent")

    assert silences[0] == pytest.approx((1.2, 20), abs=0.01)
    assert silences[1] == pytest.approx((1.2, 3), abs=0.01)
    assert agents[:2] == [pytest.approx((3, 5), abs=0.01), pytest.approx((7, 9), abs=0.01)]


def test_each_request_and_each_failure_has_its_mark(picture: ElementTree.Element) -> None:
    """How often was asked is seen at a glance: a dot for a request, a cross of two lines."""
    dots = [e for e in picture.iter(f"{SVG}circle") if e.get("class") == "asked"]
    strokes = [e for e in picture.iter(f"{SVG}line") if e.get("class") == "failed"]
    tools = [e for e in picture.iter(f"{SVG}path") if e.get("class") == "tool"]

    legend = 1
    assert len(dots) == legend + sum(len(s.lane.asked) for c in CALLS for s in c.sides)
    assert len(strokes) == 2 * (legend + 4)
    assert len(tools) == legend + 3


def test_a_request_that_nothing_came_of_lasts_to_the_end(picture: ElementTree.Element) -> None:
    """Pings for ever: there is no failure to be shown, and no answer either."""
    ends = {float(e.attrib["x2"]) for e in picture.iter(f"{SVG}line") if e.get("class") == "asked"}

    assert 130 + 20 * 28 in ends


def test_nothing_is_outside(picture: ElementTree.Element) -> None:
    """What is outside the frame is cut off by the browser."""
    _, _, width, height = map(float, picture.attrib["viewBox"].split())

    assert width == WIDTH
    for element in picture.iter():
        if element.tag in (f"{SVG}text", f"{SVG}circle"):
            x = float(element.get("x") or element.get("cx") or 0)
            y = float(element.get("y") or element.get("cy") or 0)
            assert 0 <= x <= width
            assert 0 <= y <= height
