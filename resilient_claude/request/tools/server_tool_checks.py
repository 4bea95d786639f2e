"""Whether an argument of a server tool has a value that the API takes. Pure.

Each check is called with the argument's name, for the message, and its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from resilient_claude.request.argument_checks import alternatives, check_mapping, check_strings
from resilient_claude.request.given import is_int

# Source: platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools, "Domain filtering".
_HOST = re.compile(r"[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)+")
_PATH = re.compile(r"[\x21-\x7e]*")
_LOCATION = ("city", "country", "region", "timezone")
MOST_DOMAINS = 1000
"""Ours, not the API's: a longer list makes each search "request_too_large"."""


def check_one_of(name: str, value: object, values: Sequence[str]) -> None:
    """Check that *value* is one of *values*."""
    if value not in values:
        raise ValueError(f"{name} must be {alternatives(values)}, got {value!r}")


def check_count(name: str, value: object) -> None:
    """Check that *value* is a number of things, or None for any number."""
    if value is not None and not (is_int(value) and value >= 1):  # type: ignore[operator]
        raise ValueError(f"{name} must be an int >= 1 or None, got {value!r}")


def check_bool(name: str, value: object) -> None:
    """Check that *value* is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, got {value!r}")


def check_callers(name: str, value: object, callers: Sequence[str]) -> tuple[str, ...]:
    """*value* as a tuple, if it says who may call a tool."""
    check_strings(name, value)
    assert isinstance(value, Sequence)
    if not value:
        raise ValueError(f'{name} must not be empty: ("direct",) is what a voice wants')
    for each in value:
        check_one_of(f"{name} must hold nothing but known callers: each", each, callers)
    return tuple(value)


def check_domains(
    allowed: object, blocked: object, *, paths: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The allowed and the blocked domains as tuples; at most one of them may be given.

    Args:
        allowed: Given as `allowed_domains`.
        blocked: Given as `blocked_domains`.
        paths: Whether a path may stand behind a domain.
    """
    if allowed is not None and blocked is not None:
        raise ValueError("allowed_domains must not go with blocked_domains: give one of them")
    given = {"allowed_domains": allowed, "blocked_domains": blocked}
    first, second = (_domains(name, value, paths=paths) for name, value in given.items())
    return first, second


def _domains(name: str, value: object, *, paths: bool) -> tuple[str, ...]:
    if value is None:
        return ()
    check_strings(name, value)
    assert isinstance(value, Sequence)
    if not 0 < len(value) <= MOST_DOMAINS:
        raise ValueError(f"{name} must have 1 to {MOST_DOMAINS} domains, got {len(value)}")
    for domain in value:
        host, slash, path = domain.partition("/")
        if not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
            raise ValueError(
                f'{name} must be bare domains in ASCII, such as "example.com", without a scheme or '
                f"a wildcard in them, got {domain!r}"
            )
        if slash and not paths:
            raise ValueError(
                f"{name} must not have a path, with which nothing that is fetched matches, got "
                f"{domain!r}"
            )
    return tuple(value)


def check_location(name: str, value: object) -> dict[str, str]:
    """*value* as the API takes it, if it says where the user is; the API needs no exact place."""
    check_mapping(name, value)
    assert isinstance(value, Mapping)
    if value.get("type", "approximate") != "approximate":
        raise ValueError(f'{name} must have the type "approximate", got {value["type"]!r}')
    location = {key: each for key, each in value.items() if key != "type" and each is not None}
    if not location or not location.keys() <= {*_LOCATION}:
        got = ", ".join(sorted(location)) or "nothing"
        raise ValueError(f"{name} must have one or more of {', '.join(_LOCATION)}, got {got}")
    for key, each in location.items():
        if not isinstance(each, str) or not each.strip():
            raise ValueError(f"{name}[{key!r}] must be a string that is not blank, got {each!r}")
    country = location.get("country")
    if country is not None and not re.fullmatch(r"[A-Z]{2}", country):
        raise ValueError(
            f'{name}["country"] must be a two-letter code, such as "US", got {country!r}'
        )
    return {"type": "approximate", **location}


def check_names(name: str, value: object) -> tuple[str, ...]:
    """*value* as a tuple, if it is a list of names of tools."""
    check_strings(name, value)
    assert isinstance(value, Sequence)
    if not all(each.strip() for each in value):
        raise ValueError(f"{name} must be names of tools, got a blank one")
    return tuple(dict.fromkeys(value))


def check_server_name(name: str, value: object) -> None:
    """Check that *value* names a server."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", value):
        raise ValueError(
            f"{name} must be 1 to 64 letters, digits, underscores or hyphens, got {value!r}"
        )


def check_server_url(name: str, value: object) -> None:
    """Check that *value* is where the API can reach a server. It is not shown: it may be secret."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {type(value).__name__}")
    if not re.fullmatch(r"https://[^\s/]+\S*", value):
        raise ValueError(f"{name} must begin with https://, and hold no white space")


def check_token(name: str, value: object) -> None:
    """Check that *value* can be sent in a header. It is not shown."""
    if value is None:
        return
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be empty: leave it out if the server wants none")
    if value.lower().startswith("bearer "):
        raise ValueError(f"{name} must be the token alone, without the word in front of it")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError(f"{name} must hold no white space, and nothing but ASCII")


def check_mcp_servers(name: str, value: object) -> None:
    """Check that *value* is a list of servers. A URL or a token is not shown: it may be secret."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of dicts, got {type(value).__name__}")
    names: set[object] = set()
    for index, server in enumerate(value):
        each = f"{name}[{index}]"
        check_mapping(each, server)
        if server.get("type") != "url":
            raise ValueError(f'{each} must have the type "url", got {server.get("type")!r}')
        check_server_name(f"{each}['name']", server.get("name"))
        check_server_url(f"{each}['url']", server.get("url"))
        check_token(f"{each}['authorization_token']", server.get("authorization_token"))
        if server["name"] in names:
            raise ValueError(f"{name} must have names of their own, got {server['name']!r} twice")
        names.add(server["name"])
