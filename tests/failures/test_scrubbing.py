"""The chain behind livekit's exceptions, without anything private."""

from __future__ import annotations

import asyncio
import errno
import json
import traceback
from collections.abc import Callable, Iterator

import aiohttp
import anthropic
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from resilient_claude.failures.causes import relink
from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FailureKind, Phase
from resilient_claude.failures.faults import Fault
from resilient_claude.failures.private import Private
from resilient_claude.failures.scrubbing import scrub
from resilient_claude.failures.undisclosed import Undisclosed, set_field
from tests.support.exceptions import KEY, REQUEST, chained, status_error

SECRET = "sk-vault-4929-1234"


def test_scrubbing_takes_the_api_s_words_out_of_the_chain() -> None:
    """Tracebacks print every message of the chain."""
    exc = status_error(400, message="bad text: my card number is 4711")
    failure = classify(exc, Evidence(Phase.RESPONSE), private=lambda: ["my card number is 4711"])

    scrub(exc, failure)

    assert str(exc) == exc.message == "bad text: […]"
    assert exc.body is None


def test_scrubbing_leaves_the_operating_system_s_words() -> None:
    """They are what the operator looks for, and quote nobody."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    exc = chained(aiohttp.ClientConnectionError("Cannot connect"), refused)

    scrub(exc, classify(exc, Evidence(Phase.CONNECT)))

    assert (str(exc), str(refused)) == ("Cannot connect", "[Errno 111] Connection refused")


@pytest.mark.parametrize(
    ("exc", "shown"),
    [
        (
            Fault(FailureKind.SERVER, "echo: my card number is 4711", retryable=True),
            "echo: […]",
        ),
        (
            aiohttp.http_exceptions.BadStatusLine("my card number is 4711"),
            "the bytes on the wire are not what HTTP asks for",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_scrubbing_takes_out_what_quotes_the_wire(exc: Exception, shown: str) -> None:
    """An `error` event and a parser both repeat bytes of the conversation."""
    named = classify(exc, Evidence(Phase.STREAMING), private=lambda: ["my card number is 4711"])

    scrub(exc, named)

    assert shown in str(exc)
    assert "4711" not in f"{exc} {exc!r}"


def test_scrubbing_a_bug_takes_every_message_of_the_chain() -> None:
    """A ValidationError's text holds its input, whoever raised it on the way."""
    exc = chained(RuntimeError("my card number"), KeyError("my card number"))

    scrub(exc, classify(exc, Evidence(Phase.BUILD)))

    assert "card" not in f"{exc!r} {exc.__cause__!r}"


def test_scrubbing_takes_out_what_the_key_function_said() -> None:
    """It is the application's code, whose message may be the key."""
    fault = Fault(FailureKind.AUTH, "api_key() gave no key", retryable=True)
    exc = chained(fault, ValueError("vault said sk-secret"))

    scrub(exc, classify(exc, Evidence(Phase.BUILD)))

    assert "secret" not in f"{exc!r} {exc.__cause__!r}"


def test_a_bug_after_the_headers_is_scrubbed_too() -> None:
    """It has a status, 200, but its messages are not the API's."""
    exc = chained(RuntimeError("my card number"), KeyError("my card number"))

    scrub(exc, classify(exc, Evidence(Phase.STREAMING)))

    assert "card" not in f"{exc!r} {exc.__cause__!r}"


def shown(exc: BaseException, evidence: Evidence | None = None) -> BaseException:
    """What is told of *exc*."""
    failure = classify(exc, evidence or Evidence(Phase.BUILD))
    relink(exc)
    return scrub(exc, failure)


def printed(exc: BaseException) -> str:
    """Everything that a logger, a span or a debugger would print of *exc*."""
    chain: list[BaseException] = []
    left: list[BaseException | None] = [exc]
    while left:
        error = left.pop()
        if error is not None and error not in chain:
            chain.append(error)
            left += [error.__cause__, error.__context__]
    texts = [f"{error} {error!r} {vars(error)}" for error in chain]
    return "\n".join([*traceback.format_exception(exc), *texts])


def request_info() -> aiohttp.RequestInfo:
    headers = CIMultiDictProxy(CIMultiDict({"x-api-key": SECRET}))
    return aiohttp.RequestInfo(URL("https://host/v1"), "POST", headers)


class Stubborn(Exception):
    """Shows what it likes, and lets nobody change it."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("frozen")

    def __str__(self) -> str:
        return SECRET

    __repr__ = __str__


class Unprintable(aiohttp.ClientError):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise AttributeError("real_url")

    __repr__ = __str__


def with_note() -> Exception:
    error = KeyError("x")
    error.add_note(SECRET)
    return error


def with_context() -> Exception:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError:
            raise KeyError("x")  # noqa: B904 - the context is the point
    except KeyError as exc:
        return exc


BUGS: list[Callable[[], BaseException]] = [
    lambda: KeyError(SECRET),
    lambda: FileNotFoundError(2, "no such file", f"/vault/{SECRET}"),
    lambda: UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    lambda: ExceptionGroup(SECRET, [ValueError(SECRET)]),
    lambda: chained(RuntimeError("x"), ExceptionGroup("x", [ValueError(SECRET)])),
    Stubborn,
    with_note,
    with_context,
]


@pytest.mark.parametrize("make", BUGS)
def test_no_bug_shows_anything(make: Callable[[], BaseException]) -> None:
    """Whatever class it is of, and whatever hangs on it."""
    assert SECRET not in printed(shown(make()))


def test_a_stand_in_is_caught_as_what_it_stands_for() -> None:
    """Who handles a PermissionError goes on doing so."""
    error = shown(PermissionError(13, "denied", SECRET))

    assert isinstance(error, Undisclosed)
    assert isinstance(error, PermissionError)
    assert type(error).__name__ == "PermissionError"


def answers() -> Iterator[BaseException]:
    info = request_info()
    yield aiohttp.ClientResponseError(info, (), status=400, message="Bad status line")
    yield aiohttp.ClientHttpProxyError(info, (), status=407, headers=info.headers)
    yield aiohttp.ClientConnectorError(KEY, OSError(111, "refused"))
    yield aiohttp.ClientConnectorError(KEY, ConnectionResetError())
    yield Unprintable()
    yield chained(anthropic.APIConnectionError(request=REQUEST), Unprintable())
    yield json.JSONDecodeError("x", SECRET, 0)


@pytest.mark.parametrize("exc", [*answers()], ids=lambda exc: type(exc).__name__)
def test_what_is_left_can_be_printed(exc: BaseException) -> None:
    """aiohttp's errors read the request that they came of whenever they are shown."""
    error = shown(exc, Evidence(Phase.RESPONSE))

    assert SECRET not in f"{error} {error!r} {error.__cause__!r}"


def test_the_status_that_a_proxy_answered_with_stays() -> None:
    """It is the cause."""
    exc = aiohttp.ClientHttpProxyError(request_info(), (), status=407, message="Denied")

    assert str(shown(exc, Evidence(Phase.CONNECT))).startswith("407, message=")


def test_a_secret_in_the_system_s_words_is_taken_out() -> None:
    """A header of the request that a gateway's resolver repeats, say."""
    exc = ConnectionResetError(errno.ECONNRESET, "reset for tenant hunter-22")
    failure = classify(exc, Evidence(Phase.RESPONSE))

    error = scrub(exc, failure, private=lambda: Private(secrets=["hunter-22"]))

    assert "hunter-22" not in f"{error} {error!r}"
    assert "reset for tenant [redacted]" in str(error)


def test_relinking_an_exception_that_refuses_it() -> None:
    """A frozen dataclass may be one."""
    exc = chained(anthropic.APIConnectionError(request=REQUEST), Stubborn())
    assert exc.__cause__ is not None
    set_field(exc.__cause__, "__cause__", asyncio.CancelledError())

    assert shown(exc).__cause__ is not None


async def test_frames_forget_keys_and_prompts() -> None:
    """Tools that report errors capture local variables."""

    async def send(headers: dict[str, str]) -> None:
        await asyncio.sleep(0)
        lookup(headers)

    def lookup(headers: dict[str, str]) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    try:
        await send({"x-api-key": SECRET})
    except ConnectionResetError as exc:
        error = shown(exc, Evidence(Phase.RESPONSE))

    entries = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert entries[-1].f_code.co_name == "lookup"
    assert entries[-1].f_locals == {}


async def test_a_coroutine_that_waits_is_not_ended_by_it() -> None:
    """To clear the frame of one that is suspended closes it."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    told: list[BaseException] = []

    async def background() -> str:
        try:
            raise ConnectionResetError(errno.ECONNRESET, "reset")
        except ConnectionResetError as exc:
            told.append(exc)
            await future
        return "done"

    task = asyncio.create_task(background())
    await asyncio.sleep(0)
    shown(told[0], Evidence(Phase.RESPONSE))
    future.set_result(None)

    assert await task == "done"
