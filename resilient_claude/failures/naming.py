"""An exception, named: its failure, a chain that leads to its cause, and nothing private in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .causes import relink
from .classify import classify
from .evidence import Evidence
from .failure import Failure
from .livekit_errors import scrub


def name_failure(
    exc: BaseException, evidence: Evidence, *, private: Callable[[], Iterable[str]]
) -> Failure:
    """Name *exc*, link the exceptions behind it by `__cause__`, and take what is private out.

    Args:
        exc: what was raised.
        evidence: what is known about the attempt.
        private: gives the texts of the conversation and the secrets, which no message may repeat.
    """
    failure = classify(exc, evidence, private=private)
    relink(exc)
    scrub(exc, failure)
    return failure
