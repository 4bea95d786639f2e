"""Names as the API takes them, and back."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.request.tools.names import ToolAlias, api_key, api_name, as_called


@pytest.mark.parametrize("name", ["book", "Book-a_table", "x" * 128])
def test_a_name_that_fits_stays(name: str) -> None:
    """What works today is sent as it is: prompts speak of tools by their names."""
    assert api_name(name) == name


def test_a_name_that_does_not_fit_is_still_readable() -> None:
    """Claude chooses by it."""
    assert re.fullmatch(r"shop_find_order_[0-9a-f]{8}", api_name("shop.find/order"))
    assert re.fullmatch(r"_[0-9a-f]{8}", api_name(""))


@given(st.text(max_size=300), st.text(max_size=300))
def test_every_name_fits_and_none_becomes_anothers(one: str, other: str) -> None:
    """`shop.find` and `shop_find` are two tools."""
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", api_name(one))
    assert re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", api_key(one))
    assert (api_name(one) == api_name(other)) is (one == other)
    assert (api_key(one) == api_key(other)) is (one == other)


ALIASES = {"shop_find": ToolAlias("shop.find"), "measure": ToolAlias("measure", {"gr_e": "größe"})}


@pytest.mark.parametrize(
    ("called", "known_as"),
    [
        (("shop_find", '{"a": 1.50}'), ("shop.find", '{"a": 1.50}')),
        (("other", '{"gr_e": 1}'), ("other", '{"gr_e": 1}')),
        (("measure", '{"gr_e": 1, "b": "é"}'), ("measure", '{"größe": 1, "b": "é"}')),
        (("measure", '{"gr_e'), ("measure", '{"gr_e')),
        (("measure", "[1]"), ("measure", "[1]")),
        (("measure", ""), ("measure", "")),
    ],
)
def test_a_call_gets_its_own_names_back(called: tuple[str, str], known_as: tuple[str, str]) -> None:
    """livekit looks a tool up by its name; arguments that are no object are livekit's to refuse."""
    assert as_called(ALIASES, *called) == known_as


def test_arguments_too_deep_to_read_stay() -> None:
    """What reads them later says so."""
    deep = "[" * 100_000

    assert as_called(ALIASES, "measure", json.dumps({"gr_e": 1})[:-1] + deep)[1].endswith(deep)
