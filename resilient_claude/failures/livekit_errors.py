"""livekit's exceptions, made of failures.

What comes out, by kind (the rows of `kinds.FACTS`):

    livekit.agents.APIError            bug
      + APIConnectionError             dns connect tls reset truncated malformed empty cancelled
      |   + APITimeoutError            timeout stall
      + APIStatusError                 overloaded (529) rate_limited (429) server (500)
                                       billing (402) auth (401) rejected (400) refusal (200)

Where Claude, or a server before it, answered with an error status, the exception is an
`APIStatusError` with that status, unless the kind is a bug, a timeout or a stall.
"""

from __future__ import annotations

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from .failure import Failure
from .kinds import FACTS


def to_api_error(failure: Failure, *, summary: str) -> APIError:
    """Livekit's exception for *failure*; the failure itself is its attribute `failure`.

    Args:
        failure: what went wrong in the last attempt.
        summary: the beginning of the message, such as "no answer after 3 attempts in 4.2 s".
    """
    where = f"{failure.kind} ({failure.origin}) in phase {failure.phase}"
    message = f"{summary}: {where}: {failure.root_type}: {failure.root_message}"
    error = _api_error(failure, message)
    error.failure = failure  # type: ignore[attr-defined]
    return error


def _api_error(failure: Failure, message: str) -> APIError:
    facts = FACTS[failure.kind]
    if facts.error in (APIError, APITimeoutError):
        return facts.error(message, retryable=failure.retryable)
    status = _status_of(failure)
    if status is None:
        return APIConnectionError(message, retryable=failure.retryable)
    body = {"type": "error", "error": {"type": failure.error_type, "message": failure.root_message}}
    return APIStatusError(
        message,
        status_code=status,
        request_id=failure.request_id,
        body=body if failure.error_type else None,
        retryable=failure.retryable,
    )


def _status_of(failure: Failure) -> int | None:
    """The status livekit shall see. Under HTTP 200 the kind tells what was meant.

    Never 499: livekit ends a stream silently on it (llm.py, `_main_task`).
    """
    if failure.status is not None and failure.status >= 300:
        return 400 if failure.status == 499 else failure.status
    return FACTS[failure.kind].status
