"""Errors as the API, a gateway or a proxy writes them, in whatever clothes: what they say. Pure.

The API's own is `{"type": "error", "error": {"type": ..., "message": ...}}`. What stands between
has others: FastAPI's `detail`, AWS's `message` and `__type`, Google's `status`, OpenAI's `code`, an
`error` that is a string, lists of any of these, an API error in the words of another one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .failure import FailureKind
from .redaction import identifier


@dataclass(frozen=True, slots=True)
class ApiError:
    """What an error says of itself.

    Attributes:
        type: the API's `error.type`, or what somebody else has in its place; None if it has none.
        message: in words, as they came; empty if there are none.
        code: the stable name of the cause, `details.error_code`, or a gateway's.
        status: the HTTP status that is written in it.
    """

    type: str | None = None
    message: str = ""
    code: str | None = None
    status: int | None = None

    @property
    def kind(self) -> FailureKind | None:
        """What has failed by the error's own word: its type, a status in it, or what it says."""
        if self.is_about_money:
            return FailureKind.BILLING
        if self.type is not None and kind_of_type(self.type) is None and self.status is None:
            return None  # newer than we are
        return self.named_kind or self._kind_in_words()

    @property
    def named_kind(self) -> FailureKind | None:
        """What has failed by type, code or status alone; words may be quotations."""
        by_type = kind_of_type(self.type) or kind_of_type(self.code)
        return by_type or kind_of_status(self.status)

    @property
    def is_about_money(self) -> bool:
        """Whether credit or a limit of spending is used up, whatever its type and status."""
        named = any(_MONEY_NAME.search(name) for name in (self.type, self.code) if name)
        return named or _MONEY.search(self.message[:_READ_CHARS]) is not None

    def typed(self, header: str | None) -> ApiError:
        """The same with the type that AWS has in a *header*, if its body has none.

        Source: smithy.io, "AWS restJson1", "Operation error serialization": a name, and perhaps a
        colon and an address behind it.
        """
        if self.type is not None or not header:
            return self
        return replace(self, type=identifier(header.partition(":")[0]))

    def _kind_in_words(self) -> FailureKind | None:
        words = self.message[:_READ_CHARS]
        for name in _TYPE_IN_WORDS.findall(words):  # of an error that another one quotes
            if kind := kind_of_type(name):
                return kind
        return next((kind for kind, said in _SAID if said.search(words)), None)


_READ_CHARS = 1_000
_DEEP = 4


def read_error(value: object) -> ApiError:
    """What *value*, the body of a response or the data of an `error` event, says. Total."""
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value[: 16 * _READ_CHARS]).decode("utf-8", "replace")
    return _read(value, _DEEP) or ApiError()


def kind_of_type(error_type: str | None) -> FailureKind | None:
    """The kind that an error's type stands for, however it is spelt; None if nobody knows it."""
    return _KIND_OF_TYPE.get(_spelt(error_type)) if error_type else None


def kind_of_status(status: int | None) -> FailureKind | None:
    """The kind that an HTTP status stands for by itself; None if it stands for none."""
    return _KIND_OF_STATUS.get(status) if status is not None else None


def _read(value: object, deep: int) -> ApiError | None:
    if deep == 0:
        return None
    if isinstance(value, str):
        return _read_text(value, deep)
    if isinstance(value, (list, tuple)):
        said = (_read(item, deep - 1) for item in value[:3])
        return next((error for error in said if error is not None), None)
    return _read_object(value, deep) if isinstance(value, Mapping) else None


def _read_text(text: str, deep: int) -> ApiError | None:
    text = text.strip()
    if not text or _PAGE.match(text):
        return None  # a page for people: what it is about stands in its status
    if text[0] in "{[" and len(text) < 16 * _READ_CHARS:
        try:
            return _read(json.loads(text), deep - 1)
        except (ValueError, RecursionError):
            pass
    return ApiError(type=text if kind_of_type(identifier(text)) else None, message=text)


def _read_object(value: Mapping[Any, Any], deep: int) -> ApiError | None:
    for name in ("error", "errors", "detail", "details"):
        inner = value.get(name)
        if name != "error" and _first_string(value, *_MESSAGE):
            break  # details of what is beside them
        if inner and (error := _read(inner, deep - 1)) is not None:
            return _with_what_is_beside(error, value)
    error = ApiError(
        type=_type_of(value),
        message=_first_string(value, *_MESSAGE, "title"),
        code=_code_of(value),
        status=_status_of(value),
    )
    return error if error != ApiError() else None


def _with_what_is_beside(error: ApiError, value: Mapping[Any, Any]) -> ApiError:
    """*error*, and what only the object around it tells."""
    outer_type = _type_of(value)
    beside = _first_string(value, *_MESSAGE)
    return ApiError(
        type=error.type or outer_type,
        message=error.message if not beside or " " in error.message else beside,
        code=error.code or _code_of(value),
        status=error.status or _status_of(value),
    )


def _type_of(value: Mapping[Any, Any]) -> str | None:
    for name in ("type", "__type", "status", "code"):
        given = value.get(name)
        if isinstance(given, str) and given not in ("error", "about:blank"):
            # AWS: `com.amazon.coral.service#ThrottlingException`.
            given = identifier(given.rpartition("#")[2].partition(":")[0])
            if given is not None and not given.isdigit():
                return given
    return None


def _code_of(value: Mapping[Any, Any]) -> str | None:
    details = value.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    return identifier(code or value.get("error_code") or value.get("code"))


def _status_of(value: Mapping[Any, Any]) -> int | None:
    for name in ("status", "code", "status_code", "statusCode"):
        given = value.get(name)
        if isinstance(given, str) and re.fullmatch(r"\d{3}", given):
            given = int(given)
        if isinstance(given, int) and 400 <= given < 600:
            return given
    return None


def _first_string(value: Mapping[Any, Any], *names: str) -> str:
    found = (value.get(name) for name in names)
    return next((text for text in found if isinstance(text, str) and text), "")


_MESSAGE = ("message", "Message", "error_message", "msg")
_PAGE = re.compile(r"(?i)\s*(?:<!doctype|<html|<head|<\?xml|<body|<center|<h1)")

# --- names ----------------------------------------------------------------------------------------


def _spelt(name: str) -> str:
    """*name* as all its spellings have it: `overloaded_error`, `OverloadedError`, `OVERLOADED`."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    return re.sub(r"(?:error|exception)$", "", letters)


_KIND_OF_TYPE = {
    _spelt(name): kind
    for kind, names in (
        (
            FailureKind.AUTH,
            "authentication_error permission_error permission_denied unauthenticated unauthorized "
            "forbidden invalid_api_key invalid_authentication access_denied organization_on_hold "
            "AccessDeniedException UnrecognizedClientException ExpiredTokenException "
            "MissingAuthenticationTokenException InvalidSignatureException",
        ),
        (FailureKind.BILLING, "billing_error insufficient_quota payment_required budget_exceeded"),
        (
            FailureKind.RATE_LIMITED,
            "rate_limit_error rate_limit_exceeded rate_limited too_many_requests "
            "resource_exhausted ramp_limit_exceeded ThrottlingException TooManyRequestsException "
            "throttled requests_limit",
        ),
        (FailureKind.OVERLOADED, "overloaded_error overloaded engine_overloaded"),
        (
            FailureKind.SERVER,
            "api_error timeout_error server_error internal internal_server_error unavailable "
            "service_unavailable deadline_exceeded bad_gateway gateway_timeout "
            "api_connection_error InternalServerException ServiceUnavailableException "
            "ModelTimeoutException ModelStreamErrorException ModelNotReadyException "
            "ModelErrorException",
        ),
        (
            FailureKind.REJECTED,
            "invalid_request_error invalid_request request_too_large not_found_error not_found "
            "bad_request invalid_argument unprocessable_entity model_not_found failed_precondition "
            "context_length_exceeded ValidationException ResourceNotFoundException",
        ),
    )
    for name in names.split()
}
"""Anthropic's error types, and those of whoever stands in for it or passes its answers on.

Sources: anthropic 2.12, types/shared/error_type.py; botocore, bedrock-runtime, `ResponseStream`;
google.rpc.Code; OpenAI's and LiteLLM's error codes.
"""

_KIND_OF_STATUS = {
    400: FailureKind.REJECTED,
    401: FailureKind.AUTH,
    402: FailureKind.BILLING,
    403: FailureKind.AUTH,
    404: FailureKind.REJECTED,
    408: FailureKind.SERVER,
    409: FailureKind.SERVER,
    413: FailureKind.REJECTED,
    422: FailureKind.REJECTED,
    424: FailureKind.SERVER,  # Bedrock's, of a model that failed
    429: FailureKind.RATE_LIMITED,
    529: FailureKind.OVERLOADED,
    **dict.fromkeys((500, 502, 503, 504), FailureKind.SERVER),
}

_MONEY_NAME = re.compile(
    r"(?i)spend_?limit|billing|billable|insufficient_?quota|payment|budget|credit"
)
_MONEY = re.compile(
    r"(?i)credit balance is too low"
    r"|reached your [\w ]{0,40}\b(?:usage|spend\w*) limit"
    r"|insufficient (?:credit|quota|funds|balance)|(?:more|out of|enough) credits"
    r"|exceeded your current quota|(?:budget|quota) has been exceeded|exceeded budget"
    r"|spend(?:ing)? limit (?:was |has been |is )?(?:reached|exceeded)"
    r"|payment (?:is )?required|payment instrument"
    r"|billing (?:is (?:disabled|not)|to be enabled)"
)
"""What is said of money that has run out.

Source: the API's messages under 400 `invalid_request_error` ("Your credit balance is too low to
access the Anthropic API", "You have reached your specified API usage limits"), Google's, OpenAI's
and LiteLLM's.
"""

_TYPE_IN_WORDS = re.compile(r"\b([a-z]+(?:_[a-z]+)*_error|[A-Z]\w{3,40}(?:Error|Exception))\b")

_SAID = (
    (FailureKind.OVERLOADED, re.compile(r"(?i)overloaded|at capacity|out of capacity")),
    (
        FailureKind.RATE_LIMITED,
        re.compile(r"(?i)rate.?limit|too many requests|throttl|quota exceeded|slow down"),
    ),
    (
        FailureKind.SERVER,
        re.compile(
            r"(?i)internal|temporar|try again|unavailable|time.?out|timed out|upstream"
            r"|bad gateway|connection (?:error|reset|refused)|server error"
        ),
    ),
    (
        FailureKind.AUTH,
        re.compile(
            r"(?i)api.?key|unauthori[sz]ed|authenticat|permission|forbidden|access denied|bearer"
            r"|credentials|not authori[sz]ed|organization has been disabled"
        ),
    ),
    (
        FailureKind.REJECTED,
        re.compile(
            r"(?i)\b(?:invalid|malformed|bad request|too long|too large|not supported|unsupported"
            r"|not found|does not exist|unknown|required|must|not allowed|not permitted|exceeds?"
            r"|unexpected|should be|unprocessable|content filter|context (?:length|window))\b"
        ),
    ),
)
"""What words say where no type does. What may pass comes first: to give up is the worse mistake."""
