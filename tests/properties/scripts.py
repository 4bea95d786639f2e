"""What a turn meets, as values: the application's settings, the faults, what Claude is to do."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

import aiohttp
import anthropic
import httpx2
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from resilient_claude import RetryPolicy, Timeouts
from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault

PROMPT = "My account number is forty-seven eleven and my dog is called Bello."
"""What the caller says; no log line and no message may repeat it."""

_REQUEST = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")


@dataclass(frozen=True)
class ScriptedBlock:
    """A content block: `text` of so many words, `thinking`, a `search`, or a `tool` call."""

    kind: str
    words: int = 1
    valid: bool = True  # its input, if it has one, is JSON


@dataclass(frozen=True)
class ScriptedAttempt:
    """What one attempt meets.

    Attributes:
        connect_s: seconds until the connection is there.
        response_s: seconds from then to the response.
        refused: the fault instead of a response, if any; see `FAULTS`.
        refused_early: whether it comes instead of the connection.
        retry_after: header of a refusal that has a status.
        blocks: the content.
        stop_reason: how it ends; "" for what suits the blocks.
        piece_chars: sizes of the text deltas, over and over.
        rhythm: seconds before a read, and the events it brings, over and over.
        breaks_after: events until it breaks off, counted from the end if negative; None for whole.
        breaks: how; see `FAULTS` and `SILENCES`.
        stays_open: whether the body stays open after the last event.
        repeats: what a resumed answer begins with: "last_words", "everything" or "nothing".
    """

    connect_s: float = 0.0
    response_s: float = 0.0
    refused: str | None = None
    refused_early: bool = False
    retry_after: str | None = None
    blocks: tuple[ScriptedBlock, ...] = (ScriptedBlock("text", 3),)
    stop_reason: str = ""
    piece_chars: tuple[int, ...] = (4,)
    rhythm: tuple[tuple[float, int], ...] = ((0.0, 1),)
    breaks_after: int | None = None
    breaks: str = "reset"
    stays_open: bool = False
    repeats: str = "last_words"


@dataclass(frozen=True)
class Cancel:
    """When the caller barges in: at a time, or after so many chunks, and some loop steps later."""

    after_s: float | None = None
    after_chunks: int = 0
    steps: int = 0


@dataclass(frozen=True)
class ScriptedTurn:
    """One turn: what the application configured, and what its attempts meet; the last for ever."""

    scripts: tuple[ScriptedAttempt, ...]
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    model: str = "claude-sonnet-4-6"
    after_tool_result: bool = False
    filter_thinking: bool = False
    observed: bool = True
    cancel: Cancel | None = None


# --- faults -------------------------------------------------------------------------------------


def _caused(outer: Exception, cause: BaseException | None) -> Exception:
    outer.__cause__ = cause
    return outer


def _status(status: int, error_type: str, headers: dict[str, str]) -> Exception:
    body = {"type": "error", "error": {"type": error_type, "message": f"no: {PROMPT}"}}
    response = httpx2.Response(status, request=_REQUEST, headers=headers, json=body)
    return anthropic.APIStatusError(f"no: {PROMPT}", response=response, body=body)


def _connection(cause: BaseException) -> Exception:
    return _caused(anthropic.APIConnectionError(request=_REQUEST), cause)


def fault(name: str, headers: dict[str, str]) -> Exception:
    """A new exception, as the transport raises it."""
    if name.isdecimal():
        return _status(int(name), STATUSES[name], {"request-id": "req_1", **headers})
    match name:
        case "dns":
            return _connection(socket.gaierror(-3, "Temporary failure in name resolution"))
        case "refused":
            return _connection(ConnectionRefusedError(111, "Connection refused"))
        case "tls":
            return _connection(ssl.SSLCertVerificationError(1, "certificate verify failed"))
        case "reset":
            lost = aiohttp.ClientPayloadError("Response payload is not completed")
            return _caused(lost, ConnectionResetError(104, "Connection reset by peer"))
        case "html":
            kind = FailureKind.MALFORMED
            return Fault(kind, "HTTP 200 with content type text/html", retryable=True)
        case "bug":
            return ValueError(f"a bug, quoting {PROMPT}")
    raise AssertionError(name)


STATUSES = {
    "400": "invalid_request_error",
    "401": "authentication_error",
    "402": "billing_error",
    "429": "rate_limit_error",
    "500": "api_error",
    "529": "overloaded_error",
}
REFUSALS = ("dns", "refused", "tls", "reset", "html", "bug", "silence", *STATUSES)
SILENCES = ("silence", "pings", "empty_deltas")
BREAKS = ("reset", "bug", "end", "error", "invalid_request", "garbled", *SILENCES)
