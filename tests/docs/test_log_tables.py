"""The log is what docs/watching.md says of it, and the runbook knows every line of it."""

from __future__ import annotations

import json
import re

from resilient_claude import FailureKind, Origin, Outcome, Phase, TurnEnded
from resilient_claude.telemetry.log import EVENTS

from .pages import names, page, rows

WATCHING = page("watching")
RUNBOOK = page("runbook")


def documented() -> dict[str, list[str]]:
    """The fields of every event, as the table lists them."""
    groups = {
        "the failure's": re.search(r"The failure's fields: (.*?)\. The call's", WATCHING, re.S),
        "the call's": re.search(r"The call's: (.*?)\. `origin`", WATCHING, re.S),
    }
    expansions = {
        name: " ".join(f"`{f}`" for f in re.findall(r"`(\w+)`", found.group(1)))
        for name, found in groups.items()
        if found is not None
    }
    table: dict[str, list[str]] = {}
    for event, cell in re.findall(r"^\| `(claude\.\w+)` \|.*?\|.*?\| (.*?) \|$", WATCHING, re.M):
        for name, expansion in expansions.items():
            cell = cell.replace(name, expansion)
        table[event] = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cell))
    return table


def test_the_field_table_is_what_is_emitted() -> None:
    """Dashboards are built from this table."""
    assert documented() == {name: [*event.fields] for name, event in EVENTS.items()}


def test_the_levels_are_the_real_ones() -> None:
    """Who is woken at night is decided by them."""
    levels = {event.strip("`"): level for event, level, *_ in rows(WATCHING, "event")}

    assert levels == {name: event.level for name, event in EVENTS.items()}


def test_every_field_is_explained() -> None:
    """A field whose meaning is guessed is read wrongly at the worst time."""
    explained = [name for cell, *_ in rows(WATCHING, "field") for name in names(cell)]
    logged = {name for event in EVENTS.values() for name in event.fields}

    assert {*explained} == logged - {"origin"}  # which is explained above that table
    assert len(explained) == len({*explained})


def test_the_log_line_has_the_fields_of_a_real_one() -> None:
    """An example that no version ever printed would be worse than none."""
    (text,) = re.findall(r"<!-- log line -->\n```json\n(.*?)\n```", WATCHING, re.DOTALL)

    line, event = json.loads(text), EVENTS["claude.attempt_failed"]
    known = [name for name in event.fields if name in line]
    assert list(line) == ["message", "level", "name", "event", *known]
    assert None not in line.values()
    assert (line["event"], line["level"]) == ("claude.attempt_failed", event.level.upper())
    assert line["message"] == event.sentence(line)


def test_the_values_that_the_page_lists_are_all() -> None:
    """A filter on a value that does not exist finds nothing, and nobody notices."""
    (phase,) = [text for cell, text in rows(WATCHING, "field") if cell == "`phase`"]
    (outcomes,) = re.findall(r"its `Outcome` \((.*?)\)", WATCHING, re.DOTALL)
    (origins,) = re.findall(r"`origin` is (.*?)\n\n", WATCHING, re.DOTALL)

    assert names(phase) == [*Phase]
    assert re.findall(r"\w+", outcomes) == [*Outcome]
    assert names(origins) == [*Origin]


def test_the_turn_s_end_is_described_with_its_own_fields() -> None:
    """The snippet beside it is copied, and the fields named in the text are typed in."""
    (described,) = re.findall(r"carries a `TurnEnded`: (.*?) Count them", WATCHING, re.DOTALL)

    attributes = {name for name in names(described) if name[0].islower()}

    assert attributes <= {*TurnEnded.__dataclass_fields__}


# --- the runbook ----------------------------------------------------------------------------------


def headings(section: str) -> list[str]:
    """What the sub-headings of *section* name."""
    text = RUNBOOK.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^### `(.*)`$", text, re.M)


def test_the_runbook_has_an_entry_for_every_event() -> None:
    """It is opened with a line of the log at hand."""
    assert {*headings("By event")} == {*EVENTS}


def test_the_runbook_has_an_entry_for_every_kind() -> None:
    """In the order of the enumeration, each once."""
    assert headings("By `kind`") == [*FailureKind]


def test_the_runbook_has_a_row_for_every_origin() -> None:
    """Whose side it was on decides who is called."""
    assert [name for cell, *_ in rows(RUNBOOK, "`origin`") for name in names(cell)] == [*Origin]


def test_the_runbook_says_what_each_outcome_means() -> None:
    """Those that have a line: where Claude was told to stop, none is left."""
    entry = RUNBOOK.partition("### `claude.outcome`")[2].partition("###")[0]

    assert {name for name in names(entry) if name in {*Outcome}} == {*Outcome} - {
        Outcome.STOP_SEQUENCE
    }
