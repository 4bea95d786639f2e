"""The kind of every exception class that can reach us, by name.

By name, package by package, so that one table serves every supported release of anthropic, httpx2,
httpcore2 and aiohttp. A test walks those packages and fails when one of them gains a class that is
not named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .failure import FailureKind


def _named(kind: FailureKind, package: str, names: str) -> dict[str, FailureKind]:
    return {f"{package}.{name}": kind for name in names.split()}


KIND_OF_CLASS: Mapping[str, FailureKind] = {
    **_named(FailureKind.DNS, "socket", "gaierror herror"),
    **_named(FailureKind.CONNECT, "builtins", "ConnectionRefusedError"),
    **_named(
        FailureKind.RESET,
        "builtins",
        "ConnectionResetError ConnectionAbortedError BrokenPipeError ConnectionError",
    ),
    **_named(FailureKind.TIMEOUT, "builtins", "TimeoutError"),
    **_named(FailureKind.TLS, "ssl", "SSLError SSLCertVerificationError CertificateError"),
    **_named(FailureKind.MALFORMED, "json", "JSONDecodeError"),
    **_named(FailureKind.MALFORMED, "builtins", "UnicodeDecodeError"),
    **_named(FailureKind.MALFORMED, "zlib", "error"),
    # httpx2 and httpcore2 share their names.
    **{
        f"{package}.{name}": kind
        for package in ("httpx2", "httpcore2")
        for kind, names in (
            (FailureKind.CONNECT, "ConnectError ProxyError ConnectionNotAvailable"),
            (
                FailureKind.TIMEOUT,
                "TimeoutException ConnectTimeout ReadTimeout WriteTimeout PoolTimeout",
            ),
            (FailureKind.RESET, "NetworkError ReadError WriteError CloseError RemoteProtocolError"),
            (FailureKind.MALFORMED, "ProtocolError DecodingError SSEError TooManyRedirects"),
            # A header or URL that cannot be sent: it will not get better by sending it again.
            (FailureKind.REJECTED, "LocalProtocolError UnsupportedProtocol InvalidURL"),
            (FailureKind.RESET, "TransportError RequestError HTTPError"),
        )
        for name in names.split()
    },
    **_named(FailureKind.CONNECT, "aiohttp", "ClientConnectorError UnixClientConnectorError"),
    **_named(FailureKind.CONNECT, "aiohttp", "ClientProxyConnectionError ClientHttpProxyError"),
    **_named(FailureKind.DNS, "aiohttp", "ClientConnectorDNSError"),
    **_named(
        FailureKind.TLS,
        "aiohttp",
        "ClientSSLError ClientConnectorSSLError ClientConnectorCertificateError "
        "ServerFingerprintMismatch",
    ),
    **_named(
        FailureKind.TIMEOUT,
        "aiohttp",
        "ServerTimeoutError ConnectionTimeoutError SocketTimeoutError",
    ),
    **_named(
        FailureKind.RESET,
        "aiohttp",
        "ClientError ClientOSError ClientConnectionError ClientConnectionResetError "
        "ServerConnectionError ServerDisconnectedError ClientPayloadError "
        "UploadAbortedError",
    ),
    **_named(
        FailureKind.MALFORMED,
        "aiohttp",
        "ClientResponseError ContentTypeError TooManyRedirects HttpProcessingError HttpBadRequest "
        "BadHttpMessage BadHttpMethod BadStatusLine InvalidHeader LineTooLong PayloadEncodingError "
        "ContentEncodingError ContentLengthError TransferEncodingError DecompressSizeError "
        "TooManyMembersError",
    ),
    **_named(
        FailureKind.REJECTED,
        "aiohttp",
        "InvalidURL InvalidURLError InvalidUrlClientError InvalidUrlRedirectClientError "
        "NonHttpUrlClientError NonHttpUrlRedirectClientError RedirectClientError",
    ),
    **_named(FailureKind.RESET, "anthropic", "APIConnectionError"),
    **_named(FailureKind.TIMEOUT, "anthropic", "APITimeoutError"),
    **_named(FailureKind.MALFORMED, "anthropic", "APIResponseValidationError"),
    # What the SDK raises when the client was given no usable credential.
    **_named(
        FailureKind.AUTH,
        "anthropic",
        "CredentialsError IdentityTokenFileError WorkloadIdentityError MutuallyExclusiveAuthError",
    ),
    **_named(FailureKind.SERVER, "anthropic", "RetryableError"),
    **_named(FailureKind.MALFORMED, "botocore", "ParserError"),
    # What the cloud platforms' libraries raise when they find no credentials, or cannot renew them.
    **_named(FailureKind.AUTH, "botocore", "BotoCoreError ClientError"),
    **_named(FailureKind.AUTH, "boto3", "Boto3Error"),
    **_named(FailureKind.AUTH, "google", "GoogleAuthError"),
    **_named(FailureKind.AUTH, "azure", "AzureError"),
    **_named(FailureKind.SERVER, "botocore", "EventStreamError"),
    **_named(FailureKind.CANCELLED, "asyncio", "CancelledError"),
}
"""The kind of every exception class that can reach us, as `package.ClassName`.

Subclasses of `anthropic.APIStatusError` are not listed: their status and type decide.
"""


def class_names(exc: BaseException) -> Iterator[str]:
    """The class of *exc* and those it inherits from, as `package.ClassName`."""
    for cls in type(exc).__mro__:
        yield f"{cls.__module__.partition('.')[0]}.{cls.__name__}"


def quotes_bytes(exc: BaseException) -> bool:
    """Whether the message of *exc* quotes what was sent or received: a header, a key, a reply.

    Source: h11/_util.py and aiohttp/http_exceptions.py, whose errors show the bytes they reject.
    """
    return bool(_QUOTING & {cls.__name__ for cls in type(exc).__mro__})


def broken_rule(exc: BaseException) -> str:
    """Which rule *exc*, one that quotes bytes, says was broken, behind a colon; empty if none.

    llhttp's reason stands before the bytes, and is one of its own sentences.
    Source: aiohttp/_http_parser.pyx, `parser_error_from_errno`.
    """
    message = getattr(exc, "message", None)
    if not isinstance(message, str):
        return ""
    rule = getattr(exc, "broken_rule", None)  # `transport`'s own
    if rule is None:
        reason = _LLHTTP.match(message)
        rule = reason[1] if reason else _RULES.get(type(exc).__name__)
    return f": {rule}" if rule else ""


_LLHTTP = re.compile(r"(?:Bad status line:\n  )?([^\n]{1,100}?):\n\n")
_RULES = {
    "BadStatusLine": "no status line",
    "InvalidHeader": "a header with characters that no header has",
    "LineTooLong": "a line that is too long",
    "TransferEncodingError": "a chunk without its length",
}

_QUOTING = {"HttpProcessingError", "LocalProtocolError", "ClientResponseError"}


def is_foreign(exc: BaseException) -> bool:
    """Whether the class of *exc* is of none of the packages that take part in a request."""
    return type(exc).__module__.partition(".")[0] not in _TAKING_PART


_TAKING_PART = {
    "aiohappyeyeballs",
    "aiohttp",
    "anthropic",
    "anyio",
    "asyncio",
    "azure",
    "boto3",
    "botocore",
    "builtins",
    "google",
    "h11",
    "httpcore2",
    "httpx2",
    "json",
    "resilient_claude",
    "socket",
    "ssl",
    "zlib",
}


def kind_of_class(exc: BaseException) -> FailureKind | None:
    """The kind that the class of *exc*, or the nearest one it inherits from, stands for."""
    return next((KIND_OF_CLASS[n] for n in class_names(exc) if n in KIND_OF_CLASS), None)
