"""Answers with an error status: what kind of failure they are, and when to try again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from .evidence import Evidence
from .failure import Failure, FailureKind, Origin, Phase
from .kinds import FACTS
from .known_errors import class_names
from .redaction import identifier, redact


def kind_of_error_type(error_type: str | None) -> FailureKind:
    """The kind of an SSE `error` event; a type nobody has documented is a server error."""
    return _TYPE_KIND.get(error_type or "", FailureKind.SERVER)


def status_of(exc: BaseException) -> int | None:
    """The HTTP status that *exc* stands for, if it is the SDK's error for an error status."""
    if "anthropic.APIStatusError" not in class_names(exc):
        return None
    status = getattr(exc, "status_code", None)
    return status if isinstance(status, int) else None


def classify_status(
    exc: BaseException,
    status: int,
    evidence: Evidence,
    private: Callable[[], Iterable[str]],
    wall_clock: Callable[[], float],
) -> Failure:
    """The failure that *exc*, the SDK's error for the error status *status*, stands for."""
    body = getattr(exc, "body", None)
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    headers = getattr(getattr(exc, "response", None), "headers", {})
    error_type = identifier(error.get("type"))
    request_id = request_id_of(headers) or evidence.request_id
    kind = _kind_of_status(status, error_type, error)
    message = error.get("message")
    if not isinstance(message, str):
        leads = f", which leads to {evidence.location}" if evidence.location else ""
        message = f"HTTP {status} without an API error in its body{leads}"
    return Failure(
        kind=kind,
        origin=_origin_of_status(kind, status, request_id),
        phase=evidence.phase if evidence.phase is Phase.STREAMING else Phase.RESPONSE,
        root_type=type(exc).__name__,
        root_message=redact(message, private()),
        retryable=_status_retryable(kind, status, headers),
        status=status,
        error_type=error_type,
        retry_after_s=retry_after_s(headers, wall_clock),
        **evidence.facts() | {"request_id": request_id},
    )


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The id that Anthropic, or AWS for it, gave to a request."""
    return identifier(headers.get("request-id") or headers.get("x-amzn-requestid"))


def _kind_of_status(status: int, error_type: str | None, error: Mapping[str, Any]) -> FailureKind:
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    if isinstance(code, str) and "spend_limit" in code:
        return FailureKind.BILLING  # a 429 that no waiting heals; source: anthropic 2.x, types
    by_status = _STATUS_KIND.get(status)
    if by_status is not None:
        return by_status
    by_type = _TYPE_KIND.get(error_type or "")
    if status == 200:  # an error that came as an event: only its type tells
        return by_type or FailureKind.SERVER
    if status >= 500:  # whatever else a broken server may say about the request
        return by_type if by_type and FACTS[by_type].throttled else FailureKind.SERVER
    return by_type or FailureKind.REJECTED


def _origin_of_status(kind: FailureKind, status: int, request_id: str | None) -> Origin:
    if status == 407:
        return Origin.LOCAL  # a proxy on our side wants credentials
    if request_id is None:
        return Origin.UNKNOWN  # anything between us and Anthropic may have written this
    return Origin.CALLER if FACTS[kind].origin is Origin.CALLER else Origin.REMOTE


def _status_retryable(kind: FailureKind, status: int, headers: Mapping[str, str]) -> bool:
    asked = headers.get("x-should-retry")
    if asked in ("true", "false"):
        return asked == "true"
    if kind is FailureKind.BILLING:
        return False
    if status == 200:
        return FACTS[kind].retryable
    return status >= 500 or status in _RETRYABLE_STATUS


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
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - wall_clock())


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) and number >= 0 else None


_STATUS_KIND = {
    401: FailureKind.AUTH,
    402: FailureKind.BILLING,
    403: FailureKind.AUTH,
    408: FailureKind.SERVER,
    409: FailureKind.SERVER,
    429: FailureKind.RATE_LIMITED,
    529: FailureKind.OVERLOADED,
}

_TYPE_KIND = {
    "authentication_error": FailureKind.AUTH,
    "permission_error": FailureKind.AUTH,
    "billing_error": FailureKind.BILLING,
    "rate_limit_error": FailureKind.RATE_LIMITED,
    "overloaded_error": FailureKind.OVERLOADED,
    "api_error": FailureKind.SERVER,
    "timeout_error": FailureKind.SERVER,
    "invalid_request_error": FailureKind.REJECTED,
    "request_too_large": FailureKind.REJECTED,
    "not_found_error": FailureKind.REJECTED,
    # Bedrock's exceptions in a stream. Source: botocore, bedrock-runtime, `ResponseStream`.
    "throttlingException": FailureKind.RATE_LIMITED,
    "validationException": FailureKind.REJECTED,
}

_RETRYABLE_STATUS = frozenset({408, 409, 429})
