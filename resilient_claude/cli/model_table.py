"""The table of models, as `resilient-claude models` prints it."""

from __future__ import annotations

from datetime import date

from rich import box
from rich.table import Table
from rich.text import Text

from resilient_claude.request.model_facts import MODELS, PRICES_AS_OF, ModelFacts

WIDTH = 108
"""Columns of the table with everything in a column of its own."""
NARROWEST = 72
"""Columns of the table that stacks the words. Still narrower, the terminal breaks its lines: better
that than a price that is cut off."""

_WORDS = ("status", "thinking", "effort", "by default")
_NUMBERS = ("K in/out", "$")


def model_table(columns: int, *, today: date) -> Table:
    """What is known of every model, and what a voice asks of it by default.

    Args:
        columns: of the terminal; below `WIDTH` the words about a model stand below each other.
        today: from the day on which a model retires, it is shown as retired.
    """
    wide = columns >= WIDTH
    table = Table(
        box=box.HORIZONTALS,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_lines=not wide,
        caption=_caption(),
        caption_justify="left",
    )
    for name in ("model", *(_WORDS if wide else ["takes"]), *_NUMBERS):
        table.add_column(name, no_wrap=name in ("model", "status", *_NUMBERS))
    for facts in MODELS:
        words = _words(facts, today)
        if not wide:
            pairs = zip(_WORDS, words, strict=True)
            words = ["\n".join(f"{name}: {word}" for name, word in pairs)]
        table.add_row(*map(Text, [facts.name, *words, *_numbers(facts)]))
    return table


def _caption() -> str:
    """What the columns of numbers mean, and which prices are not all of it."""
    units = f"K: thousand tokens. $: US dollars per million tokens, in / out, {PRICES_AS_OF}"
    dearer = [
        f"{facts.long_prompt_factor:g} times as much above {facts.long_prompt_tokens / 1000:g} K "
        f"of prompt on {facts.name}"
        for facts in MODELS
        if facts.long_prompt_tokens is not None
    ]
    return f"{'; '.join([units, *dearer])}."


def _words(facts: ModelFacts, today: date) -> list[str]:
    """What stands below `_WORDS`."""
    status: str = facts.status
    if facts.retires is not None:
        status = "retired" if facts.retires <= today else f"until {facts.retires}"
    thinking = f"{', '.join(facts.thinking)} ({facts.thinks})"
    return [status, thinking, _efforts(facts), _default(facts)]


def _numbers(facts: ModelFacts) -> list[str]:
    """What stands below `_NUMBERS`."""
    return [
        _pair(facts.context_tokens, facts.max_output_tokens, 1000),
        _pair(facts.input_price, facts.output_price, 1),
    ]


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
