"""Checks of single arguments; the messages of most are compared in test_options."""

from __future__ import annotations

import pytest

from resilient_claude.request.argument_checks import (
    alternatives,
    check_caching,
    check_headers,
    check_metadata,
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
