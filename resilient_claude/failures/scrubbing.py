"""The chain of an exception as anybody may see it: who prints a traceback prints every message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise

from .causes import cause_chain
from .failure import Failure, FailureKind
from .faults import Fault
from .known_errors import class_names, is_foreign, quotes_bytes
from .private import Private
from .redaction import redact, shows_secret
from .signing import cause_of_no_credentials, names_credentials
from .undisclosed import Undisclosed, forget_locals, set_field, stand_in


def scrub(
    exc: BaseException,
    failure: Failure,
    *,
    private: Callable[[], Private | Iterable[str]] = tuple,
) -> BaseException:
    """*exc*, or what stands in for it, with a chain behind it that shows nothing private.

    Exceptions are changed in place where their class lets them, so that the root stays what it was.
    In place of those that keep what they say, such as a class with a `__str__` of its own, there is
    an `Undisclosed` of the same name. Contexts that are no causes, notes, and the members of groups
    are left out, and frames forget their local variables. `str()` and `repr()` of all that is left
    work.

    Args:
        exc: its causes are those that `causes.cause_chain` finds.
        failure: what it was named; its message is what the API's own words become.
        private: gives what no message may show.
    """
    scrubbing = _Scrubbing(failure, private)
    chain = list(cause_chain(exc))
    forget_locals(exc)
    shown = [scrubbing.scrubbed(error) for error in scrubbing.disclosed(chain)]
    for error, cause in pairwise([*shown, None]):
        assert error is not None
        set_field(error, "__context__", None)
        set_field(error, "__cause__", cause)
        set_field(error, "__suppress_context__", True)
        with suppress(Exception):  # it mostly has none, and a class of somebody else's may refuse
            object.__delattr__(error, "__notes__")
    return shown[0]


class _Scrubbing:
    """What is done to each exception of one chain."""

    def __init__(self, failure: Failure, private: Callable[[], Private | Iterable[str]]) -> None:
        self._message = failure.root_message
        # A bug's message may hold anything, and so may that of what the application calls.
        self._bug = failure.kind is FailureKind.BUG
        self._credentials = failure.kind is FailureKind.AUTH and failure.status is None
        self._private = private
        given = private()
        self._secrets = list(given.secrets) if isinstance(given, Private) else []

    def disclosed(self, chain: list[BaseException]) -> list[BaseException]:
        """Those of *chain* that are shown at all: not how credentials were looked for."""
        if not self._credentials or any(isinstance(error, Fault) for error in chain):
            return chain
        return chain[: chain.index(cause_of_no_credentials(chain)) + 1]

    def scrubbed(self, error: BaseException) -> BaseException:
        """*error* as it may be shown."""
        if isinstance(error, Undisclosed):
            return error
        with suppress(Exception):  # `str()` or `repr()` of it may raise whatever they like
            return self._scrubbed(error)
        return stand_in(error, "")  # it did

    def _scrubbed(self, error: BaseException) -> BaseException:
        if self._bug:
            return _saying(error, self._message)
        api_error = "anthropic.APIStatusError" in class_names(error)
        if isinstance(error, Fault) or quotes_bytes(error) or api_error:
            return _without_request(_saying(error, self._message, own=True))
        if isinstance(error, BaseExceptionGroup):
            return stand_in(error, redact(str(error), self._private()), traceback=True)
        if self._credentials and not names_credentials(error) and not _is_wrapper(error):
            return stand_in(error)
        _without_request(error)
        text = str(error)
        if is_foreign(error) or self._credentials or shows_secret(text, self._secrets):
            plain = redact(text, self._private())
            if plain != text:
                return _saying(error, plain)
        if shows_secret(repr(error), self._secrets) or _quotes_request(error):
            set_field(error, "args", (text,))
        return error if str(error) == text and repr(error) else stand_in(error, text)


def _saying(error: BaseException, message: str, *, own: bool = False) -> BaseException:
    """*error* with *message*, or what stands in for it.

    Args:
        error: changed in place, if its class lets it.
        message: what it is to say.
        own: whether the class is one that is known to say no more than its message.
    """
    cls = type(error)
    plain = cls.__str__ in (BaseException.__str__, KeyError.__str__)
    if (plain and cls.__repr__ is BaseException.__repr__) or own:
        set_field(error, "args", (message,))
        if own:
            with suppress(Exception):  # a class may lock its fields: then it is stood in for below
                vars(error).update(_own_fields(error, message))
        if message in str(error) and error.args == (message,):
            repr(error)
            return error
    return stand_in(error, message, traceback=True)


def _own_fields(error: BaseException, message: str) -> dict[str, object]:
    """The fields that hold the words of the API once more."""
    fields: dict[str, object] = {"message": message, "body": None}
    fields |= {"api_message": message, "details": None}
    return {name: value for name, value in fields.items() if name in vars(error)}


def _is_wrapper(error: BaseException) -> bool:
    """Whether *error* is the SDK's for a request that did not come about; it quotes nothing."""
    return "anthropic.APIConnectionError" in class_names(error)


def _quotes_request(error: BaseException) -> bool:
    """Whether `repr` of *error* shows a proxy's credentials: aiohttp's `ConnectionKey` has them."""
    return "aiohttp.ClientConnectorError" in class_names(error)


def _without_request(error: BaseException) -> BaseException:
    """*error* without the headers of its request and response, in which there is the key."""
    if hasattr(error, "request_info"):
        url = getattr(getattr(error.request_info, "real_url", None), "host", None)
        set_field(error, "request_info", _RequestInfo(str(url)))
        for name, value in (("headers", None), ("history", ())):
            if hasattr(error, name):
                set_field(error, name, value)
    return error


class _RequestInfo:
    """What is left of aiohttp's: its errors read `real_url` whenever they are shown."""

    method = "POST"

    def __init__(self, host: str) -> None:
        self.url = self.real_url = host
        self.headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<request to {self.real_url}>"
