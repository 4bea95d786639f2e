"""The log is what docs/watching.md says of it, and the runbook knows every line of it."""

from __future__ import annotations

import json
import re
from typing import Any

from resilient_claude import Failure, FailureKind, Origin, Outcome, Phase, TurnEnded
from resilient_claude.telemetry.log import CallLog, handler_failed, request_adjusted

from .pages import names, page, rows

WATCHING = page("watching")
RUNBOOK = page("runbook")
FAILURE = Failure(FailureKind.CONNECT, Origin.LOCAL, Phase.CONNECT, "Root", "why", True)


class Recorder:
    """A structlog-like logger that keeps the fields of each event, in order."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}
        self.levels: dict[str, str] = {}

    def __getattr__(self, level: str) -> Any:
        def record(event: str, **fields: Any) -> None:
            self.fields[event] = list(fields)
            self.levels[event] = level

        return record


def emitted() -> Recorder:
    """Every event, as the code emits it."""
    recorder = Recorder()
    log = CallLog(recorder, model="m", provider="p")
    log.attempt_failed(FAILURE, attempt=1, elapsed_s=0, wait_s=None)
    log.call_failed(FAILURE, attempts=1, elapsed_s=0, wasted_tokens=0)
    log.call_interrupted(
        FAILURE, attempts=1, elapsed_s=0, text_chars=1, tool_calls=0, wasted_tokens=0
    )
    log.call_recovered(
        FAILURE, attempts=1, resumed=False, elapsed_s=0, silence_s=0, wasted_tokens=0
    )
    log.outcome("max_tokens", stop_reason="max_tokens", text_chars=1)
    handler_failed(recorder, TypeError(), event="error")
    request_adjusted(recorder, "temperature", "x", model="m")
    return recorder


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
    assert documented() == emitted().fields


def test_the_levels_are_the_real_ones() -> None:
    """Who is woken at night is decided by them."""
    levels = {event.strip("`"): level for event, level, *_ in rows(WATCHING, "event")}

    assert levels == emitted().levels


def test_every_field_is_explained() -> None:
    """A field whose meaning is guessed is read wrongly at the worst time."""
    explained = [name for cell, *_ in rows(WATCHING, "field") for name in names(cell)]
    logged = {name for fields in emitted().fields.values() for name in fields}

    assert {*explained} == logged - {"origin"}  # which is explained above that table
    assert len(explained) == len({*explained})


def test_the_log_line_has_the_fields_of_a_real_one() -> None:
    """An example that no version ever printed would be worse than none."""
    (text,) = re.findall(r"<!-- log line -->\n```json\n(.*?)\n```", WATCHING, re.DOTALL)

    assert list(json.loads(text)) == [
        "message",
        "level",
        "name",
        *emitted().fields["claude.attempt_failed"],
    ]


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
    assert {*headings("By event")} == {*emitted().fields}


def test_the_runbook_has_an_entry_for_every_kind() -> None:
    """In the order of the enumeration, each once."""
    assert headings("By `kind`") == [*FailureKind]


def test_the_runbook_has_a_row_for_every_origin() -> None:
    """Whose side it was on decides who is called."""
    assert [name for cell, *_ in rows(RUNBOOK, "`origin`") for name in names(cell)] == [*Origin]


def test_the_runbook_says_what_each_outcome_means() -> None:
    """Those that have a line: a complete answer leaves none."""
    entry = RUNBOOK.partition("### `claude.outcome`")[2].partition("###")[0]

    quiet = {Outcome.COMPLETE, Outcome.STOP_SEQUENCE}
    assert {name for name in names(entry) if name in {*Outcome}} == {*Outcome} - quiet
