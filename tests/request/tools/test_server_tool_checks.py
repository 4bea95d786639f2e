"""Arguments of server tools: what the API would refuse is an error that says what to write."""

from __future__ import annotations

import re
from typing import Any

import pytest

from resilient_claude.request.tools.server_tool_checks import MOST_DOMAINS
from tests.support.server_tools import TOKEN, McpServer, ToolSearch, WebFetch, WebSearch

WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "scheme": (WebSearch, {"allowed_domains": ["https://a.example"]}, "without a scheme"),
    "wildcard": (WebSearch, {"blocked_domains": ["*.a.example"]}, "got '*.a.example'"),
    "cyrillic": (WebSearch, {"allowed_domains": ["\u0430.example"]}, "in ASCII"),
    "no domain": (WebSearch, {"allowed_domains": ["localhost"]}, "got 'localhost'"),
    "none": (WebSearch, {"allowed_domains": []}, "1 to 1000 domains, got 0"),
    "many": (WebSearch, {"allowed_domains": ["a.example"] * (MOST_DOMAINS + 1)}, "got 1001"),
    "both": (
        WebFetch,
        {"allowed_domains": ["a.example"], "blocked_domains": ["b.example"]},
        "must not go with blocked_domains",
    ),
    "path": (WebFetch, {"allowed_domains": ["a.example/menu"]}, "must not have a path"),
    "uses": (WebSearch, {"max_uses": 0}, "max_uses must be an int >= 1 or None, got 0"),
    "true": (WebFetch, {"max_content_tokens": True}, "max_content_tokens must be an int >= 1"),
    "no caller": (WebSearch, {"allowed_callers": []}, "allowed_callers must not be empty"),
    "caller": (WebSearch, {"allowed_callers": ["me"]}, "got 'me'"),
    "version": (WebSearch, {"tool_version": "web_search_2025"}, "tool_version must be"),
    "inclusion": (WebFetch, {"response_inclusion": "none"}, 'must be "full" or "excluded"'),
    "nowhere": (WebSearch, {"user_location": {}}, "got nothing"),
    "exact": (WebSearch, {"user_location": {"type": "exact", "city": "Bonn"}}, "approximate"),
    "street": (WebSearch, {"user_location": {"street": "Elm St"}}, "got street"),
    "blank": (WebSearch, {"user_location": {"city": " "}}, "a string that is not blank"),
    "country": (WebSearch, {"user_location": {"country": "USA"}}, "two-letter code"),
    "variant": (ToolSearch, {"variant": "exact"}, 'variant must be "bm25" or "regex"'),
    "name": (ToolSearch, {"always_loaded": [""]}, "got a blank one"),
    "server": (McpServer, {"name": "my shop", "url": "https://a.example"}, "got 'my shop'"),
    "number": (WebSearch, {"user_location": {"city": 7}}, "a string that is not blank, got 7"),
    "no token": (
        McpServer,
        {"name": "s", "url": "https://a.example", "authorization_token": ""},
        "leave it out if the server wants none",
    ),
    "a header": (
        McpServer,
        {"name": "s", "url": "https://a.example", "authorization_token": "Bearer x"},
        "must be the token alone",
    ),
    "http": (McpServer, {"name": "shop", "url": "http://a.example"}, "must begin with https://"),
    "lists": (
        McpServer,
        {"name": "s", "url": "https://a.example", "allowed_tools": ["a"], "blocked_tools": ["b"]},
        "give one of them",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_says_what_is_right(case: str) -> None:
    """At construction: with a caller on the line it would be a 400 in every turn."""
    cls, arguments, words = WRONG[case]

    with pytest.raises(ValueError, match=re.escape(words)):
        cls(**arguments)


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (WebSearch, {"allowed_domains": "a.example"}),
        (WebSearch, {"user_location": "Bonn"}),
        (WebFetch, {"citations": 1}),
        (McpServer, {"name": "s", "url": 7}),
        (McpServer, {"name": "s", "url": "https://a.example", "authorization_token": 7}),
        (McpServer, {"name": "s", "url": "https://a.example", "allowed_tools": "a"}),
    ],
)
def test_a_wrong_type_is_a_type_error(cls: Any, arguments: dict[str, Any]) -> None:
    """A string where a list belongs would be a list of its letters."""
    with pytest.raises(TypeError):
        cls(**arguments)


def test_no_message_shows_a_token_or_where_a_server_is() -> None:
    """Errors are logged, and a URL may have a key in it."""
    shown = [repr(McpServer("shop", f"https://a.example/{TOKEN}", authorization_token=TOKEN))]
    wrongs: list[dict[str, Any]] = [
        {"url": f"ftp://{TOKEN}"},
        {"authorization_token": f"{TOKEN} "},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="must") as raised:
            McpServer(**{"name": "shop", "url": "https://a.example", **wrong})
        shown.append(str(raised.value))

    assert not [each for each in shown if TOKEN in each]
