"""The arguments and defaults of docs/parameters.md are the real ones."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import pytest

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts

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
