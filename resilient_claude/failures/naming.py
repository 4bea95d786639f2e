"""An exception, named: its failure, and the chain that leads to its cause as anybody may see it."""

from __future__ import annotations

from collections.abc import Callable

from .causes import relink
from .classify import classify
from .evidence import Evidence
from .failure import Failure
from .private import Private
from .scrubbing import scrub


def name_failure(
    exc: BaseException, evidence: Evidence, *, private: Callable[[], Private]
) -> tuple[Failure, BaseException]:
    """The failure that *exc* stands for, and *exc* itself with nothing private in it.

    Args:
        exc: what was raised.
        evidence: what is known about the attempt.
        private: gives the texts of the conversation and the secrets, which no message may repeat.

    Returns:
        The failure, and *exc* or what stands in for it: the exceptions behind it are linked by
        `__cause__`, down to the one that says why.
    """
    failure = classify(exc, evidence, private=private)
    relink(exc)
    return failure, scrub(exc, failure, private=private)
