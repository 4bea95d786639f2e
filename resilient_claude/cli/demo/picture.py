"""The calls as a picture: an SVG that needs nothing from elsewhere, for light and for dark pages.

Each lane is a track of time: above it the words where they were said, on it who was heard, below it
the requests and the tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .comparison import ComparedCall, Side
from .lane import Asked, Lane

WIDTH = 900
_MARGIN = 20
_LEFT = 130
"""Where second 0 is."""
_PER_S = 28
_LINE, _BAR, _BELOW, _GAP = 15, 12, 17, 3
"""Heights in pixels: of a line of words, of a track, of what is below it, between two lanes."""
_TITLE = 30
_FONT = 12
_LETTER = 6.6
"""Pixels per letter at that size, of a wide face: nobody knows which one the reader has."""
_MARK = 3.0

_STYLE = """
.page { fill: #ffffff } .line { stroke: #e4e7eb } text { fill: #1f2933 }
.dim { fill: #66727f } .good { fill: #0a7a3d } .bad { fill: #c0262d }
.caller { fill: #2f80c2 } .agent { fill: #27a35f } .silence { fill: #f6cfc4 }
.tool { fill: #8e44ad } .asked { fill: #52606d; stroke: #52606d }
.failed { fill: none; stroke: #c0262d; stroke-width: 1.6 }
text.caller, tspan.caller { fill: #1c639c } text.agent { fill: #0a7a3d } text.tool { fill: #8e44ad }
@media (prefers-color-scheme: dark) {
.page { fill: #14181d } .line { stroke: #2a313a } text { fill: #e6eaee }
.dim { fill: #98a4b0 } .good { fill: #4cd07d } .bad { fill: #ff7b72 } .silence { fill: #54302b }
.tool, text.tool { fill: #cf9bea } .asked { fill: #a9b4bf; stroke: #a9b4bf }
.failed { stroke: #ff7b72 }
text.caller, tspan.caller { fill: #79b8ea } text.agent { fill: #6fdc9b }
}
"""


@dataclass
class _Canvas:
    """What is being drawn, and how far down it reaches."""

    root: Element
    y: float = _MARGIN

    def text(self, x: float, y: float, text: str, kind: str = "", **more: str) -> None:
        SubElement(self.root, "text", {**_at(x, y), **_class(kind), **_named(more)}).text = text

    def lines(self, x: float, y: float, lines: Sequence[str], kind: str) -> None:
        """One text, in reading order wherever it is broken, whose last line is at *y*."""
        text = SubElement(self.root, "text", _class(kind))
        for above, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
            SubElement(text, "tspan", _at(x, y - above * _LINE)).text = line

    def box(self, start_s: float, end_s: float, kind: str, tip: str) -> None:
        width = max((end_s - start_s) * _PER_S, 1.0)
        place = {**_at(_x(start_s), self.y), "width": _px(width), "height": _px(_BAR), "rx": "2"}
        SubElement(SubElement(self.root, "rect", {**place, **_class(kind)}), "title").text = tip

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str, **more: str) -> None:
        ends = {"x1": _px(x1), "y1": _px(y1), "x2": _px(x2), "y2": _px(y2)}
        SubElement(self.root, "line", {**ends, **_class(kind), **_named(more)})

    def dot(self, x: float, y: float, kind: str) -> None:
        place = {"cx": _px(x), "cy": _px(y), "r": _px(_MARK)}
        SubElement(self.root, "circle", {**place, **_class(kind)})

    def cross(self, x: float, y: float) -> None:
        for sign in (1, -1):
            self.line(x - _MARK, y - sign * _MARK, x + _MARK, y + sign * _MARK, "failed")


def drawn(calls: Sequence[ComparedCall], title: str, notes: str) -> str:
    """The picture.

    Args:
        calls: what is drawn.
        title: what stands above.
        notes: what stands below the title, line by line.
    """
    canvas = _Canvas(Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"}))
    SubElement(canvas.root, "title").text = title
    SubElement(canvas.root, "style").text = _STYLE
    page = SubElement(canvas.root, "rect", {"class": "page", "width": "100%", "rx": "8"})
    _head(canvas, title, notes)
    top = canvas.y
    lines = SubElement(canvas.root, "g", {"class": "line"})
    for number, call in enumerate(calls, 1):
        _call(canvas, number, call)
    _axis(canvas, lines, top, max((s.lane.lasted_s for c in calls for s in c.sides), default=0.0))
    height = canvas.y + _MARGIN
    page.set("height", _px(height))
    canvas.root.set("viewBox", f"0 0 {WIDTH} {_px(height)}")
    canvas.root.set("font-family", "system-ui, -apple-system, 'Segoe UI', sans-serif")
    canvas.root.set("font-size", str(_FONT))
    indent(canvas.root)
    return tostring(canvas.root, encoding="unicode") + "\n"


def _head(canvas: _Canvas, title: str, notes: str) -> None:
    canvas.y += 14
    canvas.text(_MARGIN, canvas.y, title, font_size="18", font_weight="600")
    for line in notes.splitlines():
        canvas.y += 16
        canvas.text(_MARGIN, canvas.y, line, "dim")
    canvas.y += 16
    _legend(canvas)
    canvas.y += 14


def _legend(canvas: _Canvas) -> None:
    x, y = float(_MARGIN), canvas.y
    for kind, name in (("caller", "caller"), ("agent", "agent"), ("silence", "silence")):
        place = {**_at(x, y), "width": "18", "height": _px(_BAR), "rx": "2"}
        SubElement(canvas.root, "rect", {**place, **_class(kind)})
        canvas.text(x + 24, y + 10, name)
        x += 84
    middle = y + _BAR / 2
    canvas.dot(x + 4, middle, "asked")
    canvas.text(x + 14, y + 10, "request")
    canvas.cross(x + 84, middle)
    canvas.text(x + 94, y + 10, "it fails")
    _diamond(canvas, x + 160, middle)
    canvas.text(x + 170, y + 10, "a tool runs")
    canvas.y += _BAR


def _call(canvas: _Canvas, number: int, call: ComparedCall) -> None:
    canvas.y += _TITLE
    line = SubElement(canvas.root, "text", _at(_MARGIN, canvas.y - 8))
    fault = SubElement(line, "tspan", {"font-size": "13", "font-weight": "600"})
    fault.text = f"{number}. {call.scene.fault}"
    question = SubElement(line, "tspan", {"dx": "10", "class": "caller"})
    question.text = call.scene.says[0].text
    for side in call.sides:
        _lane(canvas, side)


def _lane(canvas: _Canvas, side: Side) -> None:
    words = _words(side.lane)
    canvas.y += max((len(lines) for _, _, lines in words), default=1) * _LINE
    for at_s, who, lines in words:
        canvas.lines(_x(at_s), canvas.y - 4, lines, who)
    _track(canvas, side.lane)
    middle = canvas.y + _BAR - 2
    canvas.text(_MARGIN, middle, side.name)
    right = _x(side.lane.lasted_s) + 14
    canvas.text(right, middle, side.result, "good" if side.result.good else "bad")
    silence = f"longest silence {side.lane.longest_silence_s:.1f} s"
    canvas.text(right, middle + 14, silence, "dim")
    canvas.y += _BAR + _BELOW + _GAP


def _words(lane: Lane) -> list[tuple[float, str, list[str]]]:
    """What is said when and by whom, in lines that end before the next one speaks.

    The caller's question stands above.
    """
    words = []
    for number, each in enumerate(lane.spoken):
        rest = lane.spoken[number + 1 :]
        until_s = rest[0].start_s if rest else lane.lasted_s
        letters = max(int((until_s - each.start_s) * _PER_S / _LETTER), 8)
        if number:
            words.append((each.start_s, str(each.who), wrap(each.text, letters)))
    return words


def _track(canvas: _Canvas, lane: Lane) -> None:
    for silence in lane.silences:
        tip = f"{silence.lasted_s:.1f} s of silence"
        canvas.box(silence.start_s, silence.end_s, "silence", tip)
    for each in lane.spoken:
        tip = f"{each.who}, {each.start_s:.1f} to {each.end_s:.1f} s: {each.text}"
        canvas.box(each.start_s, each.end_s, str(each.who), tip)
    middle = canvas.y + _BAR + 8
    for asked in lane.asked:
        _request(canvas, middle, asked, lane)
    for number, run in enumerate(lane.tools):
        _diamond(canvas, _x(run.at_s) + number * 10, canvas.y + _BAR / 2)
    if lane.tools:
        names = f"{lane.tools[0].call.partition('(')[0]} {len(lane.tools)}x"
        canvas.text(_x(lane.tools[-1].at_s) + 8, middle + 4, names, "tool")


def _request(canvas: _Canvas, y: float, asked: Asked, lane: Lane) -> None:
    """A dot when it was sent, and a line to its failure, or to the end if nothing came of it."""
    start = _x(asked.at_s)
    fruitless = not any(each.start_s > asked.at_s for each in lane.heard)
    end_s = lane.lasted_s if asked.failed_s is None and fruitless else asked.failed_s
    if end_s is None or end_s - asked.at_s > _MARK / _PER_S:
        canvas.dot(start, y, "asked")
    if end_s is not None:
        canvas.line(start, y, _x(end_s), y, "asked", stroke_dasharray="2 2")
    if asked.failed_s is not None:
        canvas.cross(_x(asked.failed_s), y)


def _diamond(canvas: _Canvas, x: float, y: float) -> None:
    path = f"M{_px(x - 4)} {_px(y)}l4 -4 4 4 -4 4z"
    SubElement(canvas.root, "path", {"d": path, "class": "tool"})


def _axis(canvas: _Canvas, lines: Element, top: float, lasted_s: float) -> None:
    canvas.y += 10
    for second in range(0, round(lasted_s) + 1, 5):
        x = _px(_x(second))
        SubElement(lines, "line", {"x1": x, "x2": x, "y1": _px(top), "y2": _px(canvas.y - 12)})
        canvas.text(_x(second), canvas.y, f"{second} s", "dim", text_anchor="middle")


def _x(second: float) -> float:
    return _LEFT + second * _PER_S


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _at(x: float, y: float) -> dict[str, str]:
    return {"x": _px(x), "y": _px(y)}


def _class(kind: str) -> dict[str, str]:
    return {"class": kind} if kind else {}


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in attributes.items()}
