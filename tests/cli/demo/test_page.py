"""The calls as a page."""

from __future__ import annotations

import re

from resilient_claude.cli.demo.page import page
from resilient_claude.cli.demo.picture import drawn

from ...support.lanes import ANSWER, HOLD, call, said

CALLS = [call(said(), said(HOLD, ANSWER))]


def test_it_holds_the_picture_and_its_results_in_words() -> None:
    """Who cannot see the picture reads the table."""
    html = page(CALLS, "The <calls>", "of today")

    assert drawn(CALLS, "The <calls>", "of today") in html
    assert "<title>The &lt;calls&gt;</title>" in html
    (row,) = re.findall(r"<tr><td>.*</tr>", html)
    assert re.findall(r">([^<]+)<", row) == [
        *("overloaded &lt;&amp;&gt;", "nothing", "18.8 s", "2"),
        *("a hold line, then the answer", "1.8 s", "2"),
    ]


def test_it_needs_nothing_from_elsewhere() -> None:
    """It is sent by mail, and opened where there is no network."""
    html = page(CALLS, "The calls", "")

    assert set(re.findall(r"https?://[^\"<]*", html)) == {"http://www.w3.org/2000/svg"}
    assert "src=" not in html
    assert "href=" not in html
    assert "<script" not in html
