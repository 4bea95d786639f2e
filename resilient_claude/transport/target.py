"""The constructor's arguments: what is wrong with them, and what to do about it."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import anthropic
import yarl
from livekit.agents.types import NotGivenOr

from resilient_claude.request.given import or_default

if TYPE_CHECKING:  # the SDK loads the other platforms' clients on first use
    AnyClient: TypeAlias = (
        anthropic.AsyncAnthropic
        | anthropic.AsyncAnthropicBedrock
        | anthropic.AsyncAnthropicBedrockMantle
        | anthropic.AsyncAnthropicVertex
    )

ApiKey = str | Callable[[], str] | Callable[[], Awaitable[str]]


def check_client(client: object, **others: object) -> None:
    """Check that *client*, if there is one, is one of the SDK's, and that no *others* are given.

    Raises:
        TypeError: *client* is none.
        ValueError: something is given that has to be given to the client.
    """
    if client is None:
        return
    if not inspect.iscoroutinefunction(getattr(client, "post", None)):
        raise TypeError(f"client must be an async anthropic client, got {type(client).__name__}")
    for name, value in others.items():
        if or_default(value, None) is not None:
            raise ValueError(f"{name} has no effect with client=: give it to the client")


def check_base_url(base_url: NotGivenOr[str | None]) -> str | None:
    """The base URL, from the argument or the environment, or None to leave it to the SDK.

    Raises:
        ValueError: it is no URL, or one that no request can be sent to.
    """
    url, name = or_default(base_url, None) or None, "base_url"
    if url is None:
        url, name = os.environ.get("ANTHROPIC_BASE_URL"), "ANTHROPIC_BASE_URL"
    if url is None:
        return None
    if not re.match(r"https?://\S", str(url)):
        raise ValueError(f"{name} must begin with http:// or https://, got {url!r}")
    try:
        path = yarl.URL(str(url)).path
    except ValueError as exc:
        raise ValueError(f"{name} is not a URL ({exc}), got {url!r}") from exc
    if path.rstrip("/").endswith("/v1"):
        raise ValueError(f"{name} must not end in /v1, which every request adds, got {url!r}")
    return str(url)


def check_api_key(api_key: NotGivenOr[ApiKey | None]) -> ApiKey:
    """The key, or the function that gives it, from the argument or the environment.

    Raises:
        TypeError: it is no string.
        ValueError: it is missing, empty or malformed. No message shows it.
    """
    passed = or_default(api_key, None)
    if passed is not None:
        return passed if callable(passed) else check_key(passed, "api_key")
    key = os.environ.get("ANTHROPIC_API_KEY")
    if key is None:
        raise ValueError(
            "an Anthropic API key is missing: pass api_key= or set ANTHROPIC_API_KEY "
            "(with client=, no key is needed)"
        )
    return check_key(key, "ANTHROPIC_API_KEY")


def check_key(key: object, name: str = "api_key()") -> str:
    """*key* if it can be sent in a header. No message ever shows it, or a part of it."""
    if not isinstance(key, str):
        raise TypeError(f"{name} must be a str, got {type(key).__name__}")
    if not key:
        raise ValueError(f"{name} is empty: pass api_key= or set ANTHROPIC_API_KEY")
    bad = re.search(r"[^\x21-\x7e]", key)
    if bad is not None:
        raise ValueError(
            f"{name} has a character that no key has, U+{ord(bad.group()):04X} at position "
            f"{bad.start()} of {len(key)}: check for quotes, spaces and line ends"
        )
    return key
