"""Two lanes side by side."""

from __future__ import annotations

from resilient_claude.cli.demo.comparison import verdict

from ...support.lanes import ANSWER, HOLD, call, said


def test_the_verdict_counts_the_callers_who_were_answered() -> None:
    """One sentence for each side is what is remembered."""
    calls = [call(said(), said(HOLD, ANSWER)), call(said(ANSWER), said(ANSWER))]

    assert verdict(calls).splitlines() == [
        "the plugin: 1 of 2 callers got the answer once and whole, the longest silence was 18.8 s.",
        "resilient_claude: 2 of 2 callers got the answer once and whole, "
        "the longest silence was 1.8 s.",
    ]
