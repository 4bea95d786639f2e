"""The deepest cause of an exception, and a chain that leads there."""

from __future__ import annotations

import errno as errnos
import ssl
from collections.abc import Iterator
from itertools import pairwise

from .faults import ClockExpired
from .undisclosed import place_of, set_field


def root_cause(exc: BaseException) -> BaseException:
    """The deepest exception that says why, never a cancellation or an internal signal."""
    *_, root = cause_chain(exc)
    return root


def class_and_place(exc: BaseException) -> dict[str, str]:
    """The fields `root_type` and `root_message` of what a function of the application raised.

    Its message is the application's own and may quote the caller: of the deepest cause, its class
    is named, and where it arose.
    """
    root = root_cause(exc)
    return {"root_type": type(root).__name__, "root_message": place_of(root)}


def cause_chain(exc: BaseException) -> Iterator[BaseException]:
    """*exc*, its cause, the cause of that, and so on to the root; never the same one twice."""
    return _chain(exc, {})


def relink(exc: BaseException) -> None:
    """Make the `__cause__` chain of *exc* end at its root, so that a traceback shows it.

    httpcore2 raises `from None`, which leaves the operating system's error only in the suppressed
    `__context__`, where neither logging nor livekit's `APIConnectionError.__str__` looks.
    """
    chain = list(cause_chain(exc))
    for error, cause in pairwise(chain):
        if error.__cause__ is not cause:
            set_field(error, "__cause__", cause)
    if chain[-1].__cause__ is not None:  # a cancellation, or a circle
        # Without its cause, a context would count that the cause had kept from counting.
        set_field(chain[-1], "__cause__", None)
        set_field(chain[-1], "__context__", None)


# Not causes but signals: following them would end every chain in the machinery of asyncio or ssl.
_SIGNALS = ("StopAsyncIteration", "StopIteration", "CancelledError", "GeneratorExit")

# Only these raise `from None` and so hide a cause in a suppressed context. Following the context
# of any other class would call a bug in an `except` block by the name of the error it handled.
_HIDES_CAUSE = ("anthropic", "httpx2", "httpcore2", "aiohttp")


_Known = dict[int, BaseException | None]
"""The next cause of each exception, by its id; None also while it is being looked for."""


def _chain(exc: BaseException, known: _Known) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = _next_cause(current, known)


def _next_cause(exc: BaseException, known: _Known) -> BaseException | None:
    """The cause of *exc*, looked for once: groups may hold each other, in circles too."""
    if id(exc) not in known:
        known[id(exc)] = None
        known[id(exc)] = (
            _informative(exc, known) if isinstance(exc, BaseExceptionGroup) else _cause_of_one(exc)
        )
    return known[id(exc)]


def _cause_of_one(exc: BaseException) -> BaseException | None:
    if isinstance(exc, ClockExpired):
        return None  # a verdict of ours; what it interrupted is not its cause
    if exc.__cause__ is not None:
        return exc.__cause__ if _is_cause(exc.__cause__) else None
    context = exc.__context__
    if context is None or not _is_cause(context):
        return None
    package = type(exc).__module__.partition(".")[0]
    # An OSError that hides others is that of several addresses. Source: anyio, `connect_tcp`.
    of_several = isinstance(exc, OSError) and isinstance(context, (OSError, BaseExceptionGroup))
    return context if package in _HIDES_CAUSE or of_several else None


def _is_cause(exc: BaseException) -> bool:
    if isinstance(exc, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        return False
    return type(exc).__name__ not in _SIGNALS


def _informative(group: BaseExceptionGroup[BaseException], known: _Known) -> BaseException | None:
    """Of several addresses' errors, the one that is not just "this machine has no IPv6"."""
    candidates = [error for error in group.exceptions if _is_cause(error)]
    if any(error is group.__cause__ for error in candidates):
        return group.__cause__  # `relink` was here
    for error in candidates:
        *_, root = _chain(error, known)
        if getattr(root, "errno", None) not in NO_ROUTE:
            return error
    return candidates[0] if candidates else None


NO_ROUTE = (errnos.ENETUNREACH, errnos.EHOSTUNREACH, errnos.EADDRNOTAVAIL, errnos.EAFNOSUPPORT)
