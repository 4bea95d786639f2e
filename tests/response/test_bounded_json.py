"""JSON that would take long is told before it is parsed."""

from __future__ import annotations

import json

import pytest

from resilient_claude.response.bounded_json import (
    MOST_VALUES,
    VALUE_CHARS,
    is_bounded,
    read_json,
    weight_of,
)


@pytest.mark.parametrize("value", [b"{}", b"[]", b"1", b'{"a":1}', b'""'])
def test_too_many_values_are_not_read(value: bytes) -> None:
    """Eight megabytes of them stop the event loop for seconds."""
    data = b"[" + b",".join([value] * (MOST_VALUES + 1)) + b"]"

    with pytest.raises(ValueError, match=f"more than {MOST_VALUES} values"):
        read_json(data)


def test_too_many_keys_are_not_read() -> None:
    """Those of one object count as well."""
    data = json.dumps(dict.fromkeys(map(str, range(MOST_VALUES + 1)))).encode()

    with pytest.raises(ValueError, match="more than"):
        read_json(data)


@pytest.mark.parametrize("text", ["1,2,3;" * MOST_VALUES, "[{" * MOST_VALUES, '"\\,\\\\"' * 20_000])
def test_what_stands_inside_of_a_string_is_one_value(text: str) -> None:
    """A page that Claude fetched may be a table."""
    assert read_json(json.dumps({"text": text}).encode()) == {"text": text}


def test_strings_without_number_are_not_bounded() -> None:
    """Even where no comma is between them, so that it is no JSON: looking would take long."""
    assert not is_bounded(b"[," * MOST_VALUES + b'""' * 3 * MOST_VALUES)


def test_a_weight_counts_text_keys_and_values() -> None:
    """What is kept is bounded by it."""
    assert weight_of("abc") == VALUE_CHARS + 3
    assert weight_of({"ab": [1, None, "xyz"]}) == 5 * VALUE_CHARS + 2 + 3
