"""Tells by its traceback whether an exception arose while a client made its credentials. Pure.

The SDK calls what gives a token (a function of the application, AWS's signer, Google's library)
inside of the request, and lets through whatever comes of it: by its class alone, an exception of
there looks like a bug, or like one of the connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from traceback import walk_tb
from types import CodeType

from .failure import FailureKind
from .known_errors import class_names, kind_of_class

_PREPARES = {"_prepare_options", "_prepare_request", "async_auth_flow", "_get_azure_ad_token"}
"""Where the SDK's clients sign. Source: anthropic 1.17 and 2.12, _base_client.py and lib/."""

_SPEAKS_FOR_ITSELF = {"get_auth_headers", "load_auth", "load_default_credentials"}
"""Functions of the SDK that say in a plain RuntimeError or ValueError what is missing."""

_FRAMES = 200


def while_signing(chain: Iterable[BaseException]) -> bool:
    """Whether one of *chain* was raised while the SDK got credentials or signed with them."""
    return any(_signs(code) for error in chain for code in _codes(error))


def cause_of_no_credentials(chain: Sequence[BaseException]) -> BaseException:
    """Which of *chain* says why there are no credentials.

    That is what a library says of them, or else what the function raised that was to give them.
    What lies below is how they were looked for.
    """
    for error in reversed(chain):
        if names_credentials(error):
            return error
    own = (e for e in chain if "anthropic.APIConnectionError" not in class_names(e))
    return next(own, chain[-1])


def names_credentials(exc: BaseException) -> bool:
    """Whether the message of *exc* is that of the SDK or a cloud's library on what is missing.

    It is shown; what an application's own function raises there is not.
    """
    if kind_of_class(exc) is FailureKind.AUTH or type(exc).__name__ == "MissingDependencyError":
        return True
    *_, last = [None, *_codes(exc)]
    return last is not None and last.co_name in _SPEAKS_FOR_ITSELF and _is_the_sdk(last)


def _codes(exc: BaseException) -> list[CodeType]:
    found: list[CodeType] = []
    for frame, _ in walk_tb(exc.__traceback__):
        found.append(frame.f_code)
        if len(found) > _FRAMES:
            del found[_FRAMES // 2]
    return found


def _signs(code: CodeType) -> bool:
    return code.co_name in _PREPARES and _is_the_sdk(code)


def _is_the_sdk(code: CodeType) -> bool:
    return "/anthropic/" in code.co_filename.replace("\\", "/")
