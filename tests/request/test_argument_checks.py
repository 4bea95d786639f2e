"""Checks of single arguments; the messages of most are compared in test_options."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.argument_checks import (
    alternatives,
    check_caching,
    check_headers,
    check_metadata,
    check_output_config,
    one_of,
)
from resilient_claude.request.tools.server_tool_checks import check_mcp_servers

SECRET = "sk-secret-4711"
SHOP = {"type": "url", "name": "shop", "url": "https://shop.example/mcp"}


def test_alternatives_are_words_for_people() -> None:
    """They stand in every message about a choice."""
    assert alternatives(["a"]) == '"a"'
    assert alternatives(["a", "b"]) == '"a" or "b"'
    assert alternatives(["a", "b", "c"]) == '"a", "b" or "c"'


def test_a_choice_takes_only_what_it_lists() -> None:
    """And says what that is."""
    one_of("a", "b")("it", "a")

    with pytest.raises(ValueError, match='it must be "a" or "b", got 3'):
        one_of("a", "b")("it", 3)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_headers, {"x-key": f"{SECRET}\n"}),
        (check_headers, {"x-key": [SECRET]}),
        (check_mcp_servers, [{"type": "url", "name": "a", "url": SECRET}]),
        (check_mcp_servers, [{**SHOP, "authorization_token": f"Bearer {SECRET}"}]),
        (check_mcp_servers, [{**SHOP, "authorization_token": f"{SECRET} "}]),
        (check_mcp_servers, [{**SHOP, "url": f"https://{SECRET}"}] * 2),
        (check_metadata, {"name": SECRET}),
        (check_metadata, {"user_id": f"{SECRET}@desk.example"}),
    ],
)
def test_what_may_be_secret_is_not_shown(check: object, value: object) -> None:
    """An error at start-up ends in a log."""
    assert callable(check)
    with pytest.raises((TypeError, ValueError)) as caught:
        check("it", value)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [1, True, ["ephemeral"]])
def test_caching_is_a_word_or_a_dict(value: object) -> None:
    """Any other type is a slip of the pen."""
    with pytest.raises(TypeError, match='caching must be "ephemeral" or'):
        check_caching("caching", value)


@pytest.mark.parametrize("ttl", [{}, {"ttl": "5m"}, {"ttl": "1h"}])
def test_caching_is_taken_as_the_api_takes_it(ttl: dict[str, str]) -> None:
    """Nothing is lost on the way."""
    check_caching("caching", {"type": "ephemeral", **ttl})


CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
OPEN: dict[str, Any] = {"type": "object", "properties": {"type": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        (OPEN, "at the top"),
        ({**CLOSED, "properties": {"address": OPEN}}, "at properties.address"),
        ({"type": "array", "items": {"anyOf": [{"type": "null"}, OPEN]}}, "at items.anyOf"),
        ({**CLOSED, "$defs": {"A": {**OPEN, "type": ["object", "null"]}}}, r"at \$defs.A"),
        ({**CLOSED, "additionalProperties": True}, "at the top"),
    ],
    ids=str,
)
def test_a_format_of_open_objects_is_refused(schema: dict[str, Any], where: str) -> None:
    """As pydantic makes it; the API would refuse it in every turn, with the caller on the line."""
    answer = {"format": {"type": "json_schema", "schema": schema}}
    with pytest.raises(ValueError, match=f'must have "additionalProperties": false .*it {where}$'):
        check_output_config("output_config", answer)


@pytest.mark.parametrize(
    "schema",
    [
        CLOSED,
        {},
        {"type": "string", "enum": [OPEN], "default": OPEN, "const": OPEN},
        {**CLOSED, "properties": {"type": {"type": "string"}}},
    ],
    ids=str,
)
def test_a_format_that_the_api_takes_is_taken(schema: dict[str, Any]) -> None:
    """What a schema gives as a value is no schema, and a property may be called as a keyword is."""
    check_output_config("output_config", {"format": {"type": "json_schema", "schema": schema}})
