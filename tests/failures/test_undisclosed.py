"""What is shown in place of an exception that must not be shown."""

from __future__ import annotations

import pytest

from resilient_claude.failures.undisclosed import (
    Undisclosed,
    forget_locals,
    place_of,
    set_field,
    stand_in,
)


def raised(exc: BaseException) -> BaseException:
    try:
        raise exc
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    "exc", [KeyError("x"), OSError(2, "x"), ExceptionGroup("x", [KeyError()]), SystemExit(1)]
)
def test_it_has_the_class_s_name_and_says_where(exc: BaseException) -> None:
    """That is enough to find it."""
    shown = stand_in(raised(exc))

    assert type(shown).__name__ == type(exc).__name__
    assert str(shown).startswith("at test_undisclosed.py:")
    assert shown.__traceback__ is None


def test_the_name_of_a_class_is_bounded() -> None:
    """It is chosen by whoever made the class."""
    exc = type("x" * 100, (Exception,), {})()

    assert type(stand_in(exc)).__name__ == "Exception"


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    """Naming it must not fail for want of a traceback."""
    assert place_of(KeyError("x")) == "raised outside of any frame"


def test_a_field_that_a_class_refuses_is_left() -> None:
    """Scrubbing goes on."""

    class Slotted(Exception):
        __slots__ = ()

        @property
        def request_info(self) -> None:
            raise ValueError("x")

    exc = Slotted("x")
    set_field(exc, "request_info", 7)
    set_field(exc, "args", ("y",))

    assert exc.args == ("y",)


def test_a_traceback_can_be_kept() -> None:
    """A bug of ours is found by it."""
    shown = stand_in(raised(KeyError("x")), "y", traceback=True)

    assert isinstance(shown, Undisclosed)
    assert shown.__traceback__ is not None


def test_only_what_still_runs_leaves_the_traceback() -> None:
    """Whoever names an exception is in its traceback, with all that it holds."""

    def inner() -> None:
        raise KeyError("x")

    try:
        inner()
    except KeyError as exc:
        forget_locals(exc)
        top = exc.__traceback__

    assert top is not None
    assert top.tb_frame.f_code.co_name == "inner"
