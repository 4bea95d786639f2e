"""Any exception, however chained, gets a name, a finite chain, and a message without secrets."""

from __future__ import annotations

import asyncio
import json
import ssl
import zlib
from collections.abc import Callable
from dataclasses import fields
from socket import gaierror
from unittest.mock import patch

import aiohttp
import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents import APIError

from resilient_claude.failures import causes
from resilient_claude.failures.causes import cause_chain, relink, root_cause
from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Failure, FailureKind, Phase
from resilient_claude.failures.faults import ClockExpired, Fault
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.failures.scrubbing import scrub

from .profiles import searched

SPOKEN = "my account number is forty-seven eleven"
KEY = "sk-ant-api03-abcdefghijklmnop"
PRIVATE = (SPOKEN, "and my dog is called Bello, a very good dog")
QUOTED_CHARS = 12
LONGEST = 300

_REQUEST = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")


class OddError(Exception):
    """Nobody knows it."""


class UnreadableError(ConnectionResetError):
    """Cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


def _status(message: str, status: int, headers: dict[str, str], body: object) -> Exception:
    response = httpx2.Response(status, request=_REQUEST, headers=headers)
    return anthropic.APIStatusError(message, response=response, body=body)


Make = Callable[[str], BaseException]
MAKERS: list[Make] = [
    *(
        lambda m, cls=cls: cls(m)
        for cls in (
            Exception,
            ValueError,
            KeyError,
            OddError,
            UnreadableError,
            TimeoutError,
            ConnectionError,
            RecursionError,
            KeyboardInterrupt,
            asyncio.CancelledError,
            StopAsyncIteration,
            GeneratorExit,
            zlib.error,
            APIError,
            aiohttp.ClientError,
            aiohttp.ClientPayloadError,
            aiohttp.ServerDisconnectedError,
            aiohttp.http_exceptions.TransferEncodingError,
            aiohttp.http_exceptions.BadStatusLine,
            httpx2.ReadError,
            httpx2.ConnectError,
            httpx2.LocalProtocolError,
            httpx2.InvalidURL,
        )
    ),
    *(
        lambda m, cls=cls, n=n: cls(n, m)
        for cls, n in (
            (OSError, 2),
            (OSError, 24),
            (OSError, 101),
            (OSError, 104),
            (OSError, 111),
            (gaierror, -3),
            (ssl.SSLError, 1),
            (ssl.SSLCertVerificationError, 1),
            (ssl.SSLWantReadError, 2),
            (aiohttp.ClientOSError, 32),
        )
    ),
    lambda m: UnicodeDecodeError("utf-8", m.encode("utf-8", "replace") or b"x", 0, 1, m),
    lambda m: json.JSONDecodeError(m, m, 0),
    lambda m: anthropic.APIConnectionError(message=m, request=_REQUEST),
    lambda m: anthropic.APITimeoutError(request=_REQUEST),
    lambda m: Fault(FailureKind.MALFORMED, m, retryable=True),
    lambda m: Fault(FailureKind.SERVER, m, retryable=True, error_type=m),
    lambda m: ClockExpired("first_token_s", 6.0),
    lambda m: ClockExpired("stall_s", 8.0),
    lambda m: _status(m, 400, {}, {"error": {"type": "invalid_request_error", "message": m}}),
    lambda m: _status(m, 529, {"request-id": "req_1"}, {"error": {"type": m, "message": m}}),
    lambda m: _status(m, 200, {"request-id": "req_1"}, {"error": {"message": {"odd": m}}}),
    lambda m: _status(m, 502, {"retry-after": "7"}, m),
]
MESSAGES = st.lists(
    st.sampled_from([*PRIVATE, KEY, " x-api-key: 123456", " ", "\n", "lost", "é👋\ud800"])
    | st.text(max_size=30),
    max_size=6,
).map("".join) | st.just("word " * 5_000)


@st.composite
def exceptions(draw: st.DrawFn) -> BaseException:
    """Up to seven exceptions and groups of them, with any causes and contexts, in circles too."""
    made: list[BaseException] = []
    for _ in range(draw(st.integers(1, 7))):
        if made and draw(st.integers(0, 4)) == 0:
            members = draw(st.lists(st.sampled_from(made), min_size=1, max_size=3))
            made.append(BaseExceptionGroup("several", members))
        else:
            made.append(draw(st.sampled_from(MAKERS))(draw(MESSAGES)))
    for error in made:
        other = st.none() | st.sampled_from(made)
        error.__context__ = draw(other)
        error.__cause__ = draw(other)
        error.__suppress_context__ = draw(st.booleans())
    return made[-1]


EVIDENCE = st.builds(
    Evidence,
    phase=st.sampled_from(Phase),
    https=st.booleans(),
    request_id=st.none() | st.just("req_1"),
)


@searched(400)
@given(exceptions(), EVIDENCE)
def test_every_exception_gets_a_failure(exc: BaseException, evidence: Evidence) -> None:
    """Also one whose message cannot be read, one that causes itself, and one nobody knows."""
    failure = classify(exc, evidence)

    assert isinstance(failure, Failure)
    assert isinstance(to_api_error(failure, summary="no answer"), APIError)
    assert not (failure.retryable and failure.kind in ("bug", "cancelled", "refused", "billing"))


@searched(400)
@given(exceptions(), EVIDENCE)
def test_what_is_told_is_short_and_quotes_nobody(exc: BaseException, evidence: Evidence) -> None:
    """Promise 8, for every field, and for the message that the application gets."""
    try:
        failure = classify(exc, evidence, private=lambda: iter(PRIVATE))
    except RuntimeError:  # another property finds this
        return

    told = [value for f in fields(failure) if isinstance(value := getattr(failure, f.name), str)]
    assert max(map(len, told)) <= LONGEST
    told.append(str(to_api_error(failure, summary="no answer")))
    for text in told:
        assert KEY not in text
        assert "123456" not in text
        assert not quotes(text)


def quotes(text: str) -> list[str]:
    """The pieces of the conversation in *text* that are too long to be there by chance."""
    return [
        private[start : start + QUOTED_CHARS]
        for private in PRIVATE
        for start in range(len(private) - QUOTED_CHARS + 1)
        if private[start : start + QUOTED_CHARS] in text
    ]


@searched(400)
@given(exceptions())
def test_the_chain_ends_at_the_root_and_stays_so(exc: BaseException) -> None:
    """By `__cause__` alone, as tracebacks follow it; doing it again changes nothing."""
    root = root_cause(exc)
    relink(exc)

    once = by_cause(exc)
    assert once[-1] is root
    assert list(cause_chain(exc)) == once
    relink(exc)
    assert by_cause(exc) == once
    assert root_cause(exc) is root


@searched(200)
@given(exceptions(), EVIDENCE)
def test_naming_does_not_depend_on_relinking(exc: BaseException, evidence: Evidence) -> None:
    """The application may classify what it gets, and must come to the same."""
    try:
        first = classify(exc, evidence)
    except RuntimeError:  # another property finds this
        return
    relink(exc)

    assert classify(exc, evidence) == first


@searched(200)
@given(exceptions(), EVIDENCE)
def test_nothing_of_the_api_s_words_is_left_in_the_chain(
    exc: BaseException, evidence: Evidence
) -> None:
    """A traceback prints every message of it."""
    try:
        failure = classify(exc, evidence, private=lambda: iter(PRIVATE))
    except RuntimeError:  # another property finds this
        return
    relink(exc)
    scrub(exc, failure)

    for error in by_cause(exc):
        if isinstance(error, (Fault, anthropic.APIStatusError)):
            assert not quotes(str(error))
            assert not quotes(repr(error))


@searched(200)
@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-should-retry", "request-id"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
        | st.sampled_from(["1e400", "nan", "Fri, 31 Dec 9999 23:59:59 -1200", "0x10", "٣"]),
    ),
    st.integers(200, 599),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.just(SPOKEN),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(["error", "type", "message", "details", "error_code"]), inner
            )
            | st.lists(inner, max_size=2)
        ),
        max_leaves=6,
    ),
)
def test_any_answer_with_a_status_gets_a_failure(
    headers: dict[str, str], status: int, body: object
) -> None:
    """Whatever a gateway writes into its headers and its body."""
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    response = httpx2.Response(status, request=_REQUEST, headers=encoded)
    exc = anthropic.APIStatusError(SPOKEN, response=response, body=body)

    failure = classify(exc, Evidence(Phase.RESPONSE), private=lambda: iter(PRIVATE))

    assert failure.status == status
    assert failure.retry_after_s is None or 0 <= failure.retry_after_s < float("inf")
    assert not quotes(failure.root_message)
    assert not quotes(str(to_api_error(failure, summary="no answer")))


def by_cause(exc: BaseException) -> list[BaseException]:
    """The chain that a traceback shows.

    Raises:
        AssertionError: it has no end.
    """
    chain: list[BaseException] = [exc]
    while (cause := chain[-1].__cause__) is not None:
        assert all(cause is not error for error in chain), "the chain is a circle"
        chain.append(cause)
    return chain


# --- found by the search ------------------------------------------------------------------------


def test_an_exception_that_cannot_be_shown() -> None:
    """Naming it must not replace it by the error of its `__str__`."""
    failure = classify(UnreadableError(), Evidence(Phase.STREAMING))

    assert failure.kind is FailureKind.RESET


def test_a_group_in_a_circle() -> None:
    """A member whose cause is its own group."""
    member = ValueError("x")
    group = ExceptionGroup("several", [member])
    member.__cause__ = group

    assert root_cause(group) in (group, member)


def test_relinking_uncovers_nothing() -> None:
    """Where a cancellation was the cause, the context behind it must not become the root."""
    exc = ConnectionResetError(104, "reset")
    exc.__context__ = ValueError("handled before")
    exc.__cause__ = asyncio.CancelledError()
    relink(exc)

    assert root_cause(exc) is exc


@pytest.mark.parametrize("depth", [12])
def test_groups_in_groups_are_looked_at_once(depth: int) -> None:
    """Not twice on every level, which is 4,096 times at the twelfth."""
    error: Exception = ConnectionRefusedError(111, "refused")
    for _ in range(depth):
        error = ExceptionGroup("several", [error])
    with patch.object(causes, "cause_chain", wraps=causes.cause_chain) as looked:
        root_cause(error)

    assert looked.call_count <= depth * depth


def test_a_reply_quoted_by_the_parser_is_hidden() -> None:
    """aiohttp quotes the bytes that it could not parse, which are Claude's words."""
    exc = aiohttp.ClientPayloadError("Response payload is not completed")
    exc.__cause__ = aiohttp.http_exceptions.TransferEncodingError(f"Invalid chunk size: {SPOKEN}")

    failure = classify(exc, Evidence(Phase.STREAMING), private=lambda: iter(PRIVATE))

    assert not quotes(failure.root_message)
