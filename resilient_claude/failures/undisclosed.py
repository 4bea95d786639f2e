"""Exceptions that must not be shown, what is shown in their place, and frames without locals."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any


class Undisclosed(Exception):
    """Stands for an exception whose message nobody may see: it has its class's name, no more.

    Where its class is one of Python's own, or comes of one, it is caught as that one too.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


def stand_in(
    exc: BaseException, message: str | None = None, *, traceback: bool = False
) -> Undisclosed:
    """An exception that is shown in place of *exc*.

    Args:
        exc: whose class it is named by.
        message: what it says; by default, where *exc* arose.
        traceback: whether it has that of *exc*, which quotes lines of source code.
    """
    cls = type(exc)
    name = cls.__name__ if re.fullmatch(r"\w{1,80}", cls.__name__) else "Exception"
    message = place_of(exc) if message is None else message
    fields = {"__module__": str(cls.__module__)[:80]}
    known = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    shown: Undisclosed
    try:
        shown = type(name, (Undisclosed, known), fields)(message)
    except TypeError:  # one that is not made of a message, such as a group
        shown = type(name, (Undisclosed,), fields)(message)
    return shown.with_traceback(_traceback_of(exc)) if traceback else shown


def place_of(exc: BaseException) -> str:
    """File, line and function that *exc* arose in."""
    frames = list(_entries(exc))
    if not frames:
        return "raised outside of any frame"
    code = frames[-1].tb_frame.f_code
    return f"at {code.co_filename.rpartition('/')[2]}:{frames[-1].tb_lineno} in {code.co_name}"


def set_field(exc: BaseException, name: str, value: object) -> None:
    """Set an attribute of *exc*, also where its class refuses it or has a property of that name."""
    slot = getattr(BaseException, name, None)
    with suppress(Exception):  # a class of somebody else's may do anything
        if slot is not None:
            slot.__set__(exc, value)
        else:
            object.__setattr__(exc, name, value)


def forget_locals(exc: BaseException) -> None:
    """Clear the frames that *exc* was raised through, and those of whatever is behind it.

    A tool that captures local variables finds neither key nor conversation in them. Frames that
    still run cannot be cleared; at the top of the traceback, they are taken out of it.
    """
    for error in _behind(exc):
        top = _traceback_of(error)
        running = True
        for entry in _entries(error):
            running = not _clear(entry) and running
            if running and error is exc:
                top = entry.tb_next
        if top is not _traceback_of(error):
            set_field(error, "__traceback__", top)


def _clear(entry: TracebackType) -> bool:
    """Clear the frame of *entry*; whether its function has ended."""
    frame = entry.tb_frame
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    if frame.f_code.co_flags & _SUSPENDABLE and package not in _CLEARED:
        return True  # to clear one that is suspended would end it
    try:
        frame.clear()
    except RuntimeError:
        return False
    return True


_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_CLEARED = {"resilient_claude", "anthropic", "httpx2", "httpcore2", "aiohttp"}
"""Packages that hold keys and requests in coroutines, none of which outlives its exception."""


def _entries(exc: BaseException) -> Iterator[TracebackType]:
    entry = _traceback_of(exc)
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _traceback_of(exc: BaseException) -> TracebackType | None:
    slot: Any = BaseException.__traceback__
    found = slot.__get__(exc)
    return found if isinstance(found, TracebackType) else None


def _behind(exc: BaseException) -> Iterator[BaseException]:
    """*exc*, its causes, contexts and members, and theirs; each once."""
    seen: set[int] = set()
    left: list[BaseException | None] = [exc]
    while left:
        error = left.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        left += [error.__cause__, error.__context__]
        if isinstance(error, BaseExceptionGroup):
            left += error.exceptions
