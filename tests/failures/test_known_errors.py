"""The table of exception classes, held against the packages that are installed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Iterator

import aiohttp
import anthropic
import httpx2
import pytest
from aiohttp.http_exceptions import (
    BadHttpMessage,
    BadStatusLine,
    HttpProcessingError,
    InvalidHeader,
    LineTooLong,
    TransferEncodingError,
)

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.known_errors import (
    KIND_OF_CLASS,
    broken_rule,
    class_names,
    kind_of_class,
    quotes_bytes,
)
from tests.support.exceptions import REQUEST


def subclasses_outside_of_status_errors() -> Iterator[tuple[str, type[BaseException]]]:
    """Every exception class that anthropic, httpx2, httpcore2 and aiohttp's client define."""
    for package_name in ("anthropic", "httpx2", "httpcore2", "aiohttp"):
        package = importlib.import_module(package_name)
        for module_info in pkgutil.walk_packages(package.__path__, f"{package_name}."):
            name = module_info.name
            if not name.startswith(NOT_OURS):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        module = importlib.import_module(name)
                except ImportError:
                    continue  # needs an optional dependency that is not installed
                yield from exceptions_of(module, package_name)


def exceptions_of(module: object, package: str) -> Iterator[tuple[str, type[BaseException]]]:
    for cls in vars(module).values():
        if not inspect.isclass(cls) or not issubclass(cls, Exception):
            continue
        ours = cls.__module__.partition(".")[0] == package
        ours = ours and not cls.__module__.startswith(NOT_OURS)
        if ours and not issubclass(cls, (Warning, anthropic.APIStatusError)):
            yield f"{package}.{cls.__name__}", cls


# Parts of those packages that a Messages request never enters.
NOT_OURS = (
    "aiohttp.web",
    "aiohttp.pytest_plugin",
    "aiohttp.test_utils",
    "aiohttp.worker",
    "aiohttp._websocket",
    "aiohttp.multipart",
    "aiohttp.payload",
    "anthropic.lib.tools",
    "anthropic.types",
    "anthropic.cli",
    "anthropic.lib.environments",
    "anthropic.lib.sessions",
    "httpx2._main",
    "httpx2.__main__",
)


# Signals and misuse inside those packages: if one ever reaches us, it is a bug.
BUGS = {
    "anthropic.AnthropicError",
    "anthropic.APIError",
    "anthropic.APIWebhookValidationError",
    "anthropic.MissingDependencyError",
    "anthropic.MissingStreamClassError",
    "anthropic.StreamAlreadyConsumed",
    "anthropic._NonObjectPayloadError",
    "httpx2.CookieConflict",
    "httpx2.HTTPStatusError",
    "httpx2.RequestNotRead",
    "httpx2.ResponseNotRead",
    "httpx2.StreamClosed",
    "httpx2.StreamConsumed",
    "httpx2.StreamError",
    "aiohttp.EofStream",
    "aiohttp.WSServerHandshakeError",
    "aiohttp.WSMessageTypeError",
    "aiohttp.WebSocketError",
    "aiohttp.WSHandshakeError",
}


def test_every_exception_class_of_the_packages_below_us_has_a_kind() -> None:
    """A class that is new upstream shall fail here instead of being guessed in a live call."""
    found = {name for name, _ in subclasses_outside_of_status_errors()}

    assert "httpx2.ReadError" in found
    assert "aiohttp.ClientConnectorDNSError" in found
    assert sorted(found - KIND_OF_CLASS.keys() - BUGS) == []


class _Mine(aiohttp.ServerDisconnectedError):
    """A subclass made outside of the packages, as a transport of the application's makes them."""


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (ConnectionRefusedError(), FailureKind.CONNECT),
        (ConnectionResetError(), FailureKind.RESET),
        (httpx2.ConnectTimeout("x"), FailureKind.TIMEOUT),
        (_Mine(), FailureKind.RESET),
        (KeyError(), None),
        (FileNotFoundError(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_nearest_known_class_decides(exc: BaseException, kind: FailureKind | None) -> None:
    """A refused connection is a ConnectionError too, which would be a reset."""
    assert kind_of_class(exc) is kind


def test_classes_are_named_by_package_the_nearest_first() -> None:
    """Modules move from release to release, packages do not."""
    assert list(class_names(anthropic.APITimeoutError(request=REQUEST))) == [
        "anthropic.APITimeoutError",
        "anthropic.APIConnectionError",
        "anthropic.APIError",
        "anthropic.AnthropicError",
        "builtins.Exception",
        "builtins.BaseException",
        "builtins.object",
    ]


@pytest.mark.parametrize(
    ("exc", "quotes"),
    [
        (httpx2.LocalProtocolError("Illegal header value b'key'"), True),
        (aiohttp.http_exceptions.BadStatusLine("bytes"), True),
        (aiohttp.http_exceptions.TransferEncodingError("bytes"), True),
        (aiohttp.ServerDisconnectedError(), False),
        (ConnectionResetError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_that_show_the_bytes_they_reject(exc: BaseException, quotes: bool) -> None:
    """Those bytes are a header with the key, or a reply."""
    assert quotes_bytes(exc) is quotes


@pytest.mark.parametrize(
    ("exc", "rule"),
    [
        (BadHttpMessage("Invalid header token:\n\n  b'secret'\n  ^"), ": Invalid header token"),
        (
            BadStatusLine(error="Bad status line:\n  Expected:\n\n b'secret'"),
            ": Expected",
        ),
        (BadStatusLine("secret"), ": no status line"),
        (LineTooLong(b"secret", 5), ": a line that is too long"),
        (InvalidHeader(b"secret"), ": a header with characters that no header has"),
        (TransferEncodingError("secret"), ": a chunk without its length"),
        (BadHttpMessage("secret"), ""),
        (HttpProcessingError(message="Invalid size:\n\n  b'secret'"), ": Invalid size"),
        (HttpProcessingError(message="secret"), ""),
        (HttpProcessingError(), ""),
        (ValueError("secret"), ""),
    ],
)
def test_a_broken_rule_is_named_without_the_bytes_that_broke_it(exc: Exception, rule: str) -> None:
    """They may be a key, or what somebody said."""
    assert broken_rule(exc) == rule
