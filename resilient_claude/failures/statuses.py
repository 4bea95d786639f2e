"""Answers with an error: what kind of failure they are, and when to try again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from .api_errors import ApiError, kind_of_status, read_error
from .causes import cause_chain
from .evidence import Evidence
from .failure import Failure, FailureKind, Origin, Phase
from .faults import Fault
from .kinds import FACTS
from .known_errors import class_names
from .private import Private
from .redaction import identifier, redact


def fault_of_error(event: Mapping[str, Any]) -> Fault:
    """The fault that an `error` event ends a message with, whatever it looks like.

    It came under HTTP 200, so what it says of itself counts; what says nothing may pass.

    Raises:
        KeyError: there is no error in it.
    """
    error = read_error(event)
    if error == ApiError() and not isinstance(event.get("error"), dict):
        raise KeyError("error")
    kind = error.kind or FailureKind.SERVER
    origin = Origin.REMOTE if FACTS[kind].retryable else Origin.CALLER
    return _fault(kind, error, origin)


def fault_of_document(document: Mapping[str, Any]) -> Fault | None:
    """The fault that a JSON *document* under HTTP 200 stands for; None if it names none we know.

    Whoever is between may have written it, so whose side it was on is left to the evidence.
    """
    error = read_error(document)
    return _fault(error.kind, error, None) if error.kind else None


def _fault(kind: FailureKind, error: ApiError, origin: Origin | None) -> Fault:
    return Fault(
        kind,
        error.message or error.type or "no message",
        retryable=FACTS[kind].retryable,
        error_type=error.type,
        origin=origin,
    )


def status_of(exc: BaseException) -> int | None:
    """The HTTP status that *exc* stands for, if it is the SDK's error for an error status."""
    if "anthropic.APIStatusError" not in class_names(exc):
        return None
    status = getattr(exc, "status_code", None)
    return status if isinstance(status, int) else None


def api_error_of(exc: BaseException) -> ApiError:
    """What the API said in its own words, if *exc* is an error of its; else an empty error.

    They may quote the conversation, and are gone from *exc* once it has been scrubbed: whoever
    asks for them must not show them.
    """
    if status_of(exc) is not None:
        return read_error(getattr(exc, "body", None))
    fault = next((error for error in cause_chain(exc) if isinstance(error, Fault)), None)
    return ApiError() if fault is None else ApiError(type=fault.error_type, message=str(fault))


def classify_status(
    exc: BaseException,
    status: int,
    evidence: Evidence,
    private: Callable[[], Private | Iterable[str]],
    wall_clock: Callable[[], float],
) -> Failure:
    """The failure that *exc*, the SDK's error for the error status *status*, stands for."""
    headers = getattr(getattr(exc, "response", None), "headers", {})
    error = read_error(getattr(exc, "body", None)).typed(headers.get("x-amzn-errortype"))
    request_id = request_id_of(headers) or evidence.request_id
    kind = _kind_of_status(status, error)
    leads = f", which leads to {evidence.location}" if evidence.location else ""
    nothing = f"HTTP {status} without an API error in its body{leads}"
    return Failure(
        kind=kind,
        origin=origin_of_answer(kind, status, request_id, evidence),
        phase=evidence.phase if evidence.phase is Phase.STREAMING else Phase.RESPONSE,
        root_type=type(exc).__name__,
        root_message=redact(error.message, private()) or nothing,
        retryable=_retryable(kind, headers),
        status=status,
        error_type=error.type,
        retry_after_s=retry_after_s(headers, wall_clock),
        **evidence.facts() | {"request_id": request_id},
    )


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The id that Anthropic, or AWS or Azure for it, gave to a request."""
    return next((name for key in _REQUEST_IDS if (name := identifier(headers.get(key)))), None)


# Source: platform.claude.com/docs/en/api/errors, "Request id"; .../claude-in-microsoft-foundry,
# "Correlation request IDs". Azure's gateway answers by itself where a key or a quota is wrong.
_REQUEST_IDS = ("request-id", "x-amzn-requestid", "apim-request-id")


def _kind_of_status(status: int, error: ApiError) -> FailureKind:
    if status == 200:  # an error that came as an event: only what it says tells
        return error.kind or FailureKind.SERVER
    by_type = error.named_kind
    if status >= 500:  # whatever else a broken server may say about the request
        throttled = by_type if by_type and FACTS[by_type].throttled else None
        return throttled or kind_of_status(status) or FailureKind.SERVER
    if error.is_about_money:
        return FailureKind.BILLING  # also under 400, and under a 429 that no waiting heals
    if by_type and FACTS[by_type].throttled:
        return by_type  # the service's own word for haste, whoever chose the status
    by_status = kind_of_status(status) or FailureKind.REJECTED
    # That it was rejected, a status says for want of a better word.
    return by_type or by_status if by_status is FailureKind.REJECTED else by_status


def origin_of_answer(
    kind: FailureKind, status: int, request_id: str | None, evidence: Evidence
) -> Origin:
    """Whose side it was on when an answer with *status* said what failed."""
    if status == 407:
        return Origin.PROXY  # it wants credentials
    if request_id is None:
        return evidence.origin_between  # anything on the way may have written this
    return Origin.CALLER if FACTS[kind].origin is Origin.CALLER else Origin.REMOTE


def _retryable(kind: FailureKind, headers: Mapping[str, str]) -> bool:
    asked = headers.get("x-should-retry")
    if asked in ("true", "false"):
        return asked == "true"
    return FACTS[kind].retryable


def retry_after_s(headers: Mapping[str, str], wall_clock: Callable[[], float]) -> float | None:
    """Seconds the server asked to wait, from `retry-after-ms` or `retry-after`, else None.

    Nonsense (negative, infinite, not a number or a date) counts as not asked.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        at = parsedate_to_datetime(value)
        if at.tzinfo is None:  # "-0000", or none at all: dates of HTTP are in UTC
            at = at.replace(tzinfo=UTC)
        return max(0.0, at.timestamp() - wall_clock())
    except (ValueError, OverflowError):
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) and number >= 0 else None
