"""The arguments and defaults of docs/parameters.md are the real ones."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import pytest

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions

from .pages import names, page, rows

PARAMETERS = page("parameters")


def first_column(header: str) -> list[str]:
    """The names in the first column of the table that begins with *header*."""
    return [name for cell, *_ in rows(PARAMETERS, header) for name in names(cell)]


def test_every_argument_is_documented() -> None:
    """And nothing that is none."""
    arguments = inspect.signature(ResilientClaudeLLM).parameters

    assert set(first_column("argument")) == {n for n in arguments if not n.startswith("_")}


@pytest.mark.parametrize("cls", [RetryPolicy, Timeouts])
def test_every_field_is_documented(cls: type[RetryPolicy] | type[Timeouts]) -> None:
    """The page and the code name the same fields."""
    assert set(first_column(f"`{cls.__name__}`")) == {field.name for field in fields(cls)}


OF_A_ROW = {
    "up to 4.8": ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-8"],
    "Sonnet 5, Haiku 5.5": ["claude-sonnet-5", "claude-haiku-5-5"],
    "Opus 5": ["claude-opus-5"],
    "Sonnet 5.5": ["claude-sonnet-5-5"],
    "Opus 5.5, Fable, Mythos, and later versions of any": [
        *("claude-opus-5-5", "claude-fable-5", "claude-fable-5-2", "claude-mythos-5-1"),
        *("claude-haiku-6", "claude-sonnet-5-6"),
    ],
    "no version in the id": ["my-deployment", "claude-sonnet-latest"],
}
"""Models that each row of the table of defaults speaks of."""


def test_what_a_voice_asks_for_is_what_the_table_says() -> None:
    """Whoever chooses a model by it pays for what it says."""
    table = {models: cells for models, *cells in rows(PARAMETERS, "models")}

    assert table.keys() == OF_A_ROW.keys()
    for models, (thinking, effort, max_tokens) in table.items():
        for model in OF_A_ROW[models]:
            body = FixedFields.of(RequestOptions(model=model)).body
            assert body.get("thinking", {}).get("type", "–") == thinking.strip("`"), model
            assert body.get("output_config", {}).get("effort", "–") == effort.strip("`"), model
            assert str(body["max_tokens"]) == max_tokens, model


def test_options_that_can_be_changed_are_named() -> None:
    """What cannot be changed in mid-call needs another adapter."""
    (text,) = re.findall(r"`update_options\(\)` takes (.*?)\. ", PARAMETERS, re.DOTALL)

    changeable = inspect.signature(ResilientClaudeLLM.update_options).parameters
    assert {*names(text)} == {*changeable} - {"self"}


def test_the_documented_defaults_are_the_real_ones() -> None:
    """A number in a table is believed."""
    for defaults in (RetryPolicy(), Timeouts()):
        for field in fields(defaults):
            value = getattr(defaults, field.name)
            if isinstance(value, (int, float)):
                (row,) = [
                    r for r in PARAMETERS.splitlines() if re.match(rf"\| .*`{field.name}`", r)
                ]
                column = row.split("|")[1:3]
                position = re.findall(r"`(\w+)`", column[0]).index(field.name)
                assert float(re.findall(r"[\d.]+", column[1])[position]) == value, field.name
