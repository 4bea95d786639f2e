"""The table of models, as `resilient-claude models` prints it."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from resilient_claude.request.model_facts import MODELS, PRICES_AS_OF, ModelFacts

WIDTH = 108
"""Narrower, the table is cut: a terminal shall rather break its lines."""


def model_table() -> Table:
    """What is known of every model, and what a voice asks of it by default."""
    table = Table(
        box=box.HORIZONTALS,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption=f"K: thousand tokens. $: US dollars per million tokens, in / out, {PRICES_AS_OF}.",
        caption_justify="left",
    )
    for name in ("model", "status", "thinking", "effort", "by default", "K in/out", "$"):
        table.add_column(name, no_wrap=name in ("model", "status", "K in/out", "$"))
    for facts in MODELS:
        table.add_row(*map(Text, _cells(facts)))
    return table


def _cells(facts: ModelFacts) -> tuple[str, ...]:
    status = facts.status if facts.retires is None else f"until {facts.retires}"
    return (
        facts.name,
        status,
        f"{', '.join(facts.thinking)} ({facts.thinks})",
        _efforts(facts),
        _default(facts),
        _pair(facts.context_tokens, facts.max_output_tokens, 1000),
        _pair(facts.input_price, facts.output_price, 1),
    )


def _efforts(facts: ModelFacts) -> str:
    """The levels, with that of a request that names none."""
    if not facts.efforts:
        return "-"
    *_, highest = facts.efforts
    gap = ", no xhigh" if highest == "max" and "xhigh" not in facts.efforts else ""
    return f"low to {highest}{gap} ({facts.default_effort})"


def _default(facts: ModelFacts) -> str:
    """What a voice asks for."""
    asked = [facts.voice_thinking, facts.voice_effort and f"effort {facts.voice_effort}"]
    return ", ".join(filter(None, asked)) or "nothing"


def _pair(first: float | None, second: float | None, unit: int) -> str:
    if first is None or second is None:
        return "-"
    return f"{first / unit:g}/{second / unit:g}"
