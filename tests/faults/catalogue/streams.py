"""The faults of connections and of streams that break. What must come of them: `promises.py`."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Literal

import aiohttp
import h11
import httpcore2
import httpx2
from aiohttp.http_exceptions import HttpProcessingError

from resilient_claude.testing import Break, SseError

from .table import (
    IN_STREAM,
    KEY,
    OTHER_KEY,
    PROMPT,
    TEXT,
    Breaks,
    FaultSpec,
    Responds,
    Scenario,
    Sort,
    Strike,
    When,
    Where,
    Wire,
)

BOTH = (Wire.TCP, Wire.TLS)
USUAL = (Scenario.DIRECT, Scenario.CLIENT, Scenario.SESSION, Scenario.FALLBACK)
CANCELLED = (*USUAL, Scenario.CANCEL)
LASTING = (*CANCELLED, Scenario.BARGE_IN)
ONCE = (When.FIRST, When.ALWAYS)
EVERY = (When.ALWAYS,)
AT_CONNECTING = (Where.CONNECTING,)

# What the transport raises when the peer goes away without an error of the operating system.
GONE = (
    aiohttp.ClientError,
    HttpProcessingError,
    httpx2.TransportError,
    httpcore2.ProtocolError,
    h11.ProtocolError,
    OSError,
)

# The API may quote the prompt, and some proxies the headers. Neither may come any further.
INDISCREET = f"Cannot handle {PROMPT!r} of {OTHER_KEY}, x-api-key: {KEY}"

ACCEPTED: tuple[tuple[str, Literal["reset", "close"]], ...] = (
    ("reset", "reset"),
    ("closed", "close"),
)
UNTRUSTED: tuple[tuple[str, Strike], ...] = (
    ("untrusted-certificate", "untrusted"),
    ("certificate-of-another-host", "wrong-host"),
)
NO_HANDSHAKE: tuple[Strike, ...] = ("tls-plaintext", "tls-alert")
CONNECTING = (
    FaultSpec(
        "refused",
        Sort.UNREACHABLE,
        "refuse",
        wheres=AT_CONNECTING,
        scenarios=CANCELLED,
        wires=BOTH,
        roots=(ConnectionRefusedError,),
    ),
    FaultSpec(
        "no-route",
        Sort.UNREACHABLE,
        "no-route",
        wheres=AT_CONNECTING,
        scenarios=USUAL,
        roots=(OSError,),
    ),
    FaultSpec(
        "unknown-host",
        Sort.DNS,
        "dns",
        wheres=AT_CONNECTING,
        scenarios=CANCELLED,
        roots=(socket.gaierror,),
    ),
    FaultSpec(
        "dns-hangs",
        Sort.SILENT,
        "dns-hang",
        wheres=AT_CONNECTING,
        scenarios=LASTING,
        roots=(TimeoutError,),
    ),
    *(
        FaultSpec(
            name,
            Sort.UNTRUSTED,
            strike,
            wheres=AT_CONNECTING,
            whens=EVERY,
            scenarios=USUAL,
            wires=(Wire.TLS,),
            roots=(ssl.SSLCertVerificationError,),
        )
        for name, strike in UNTRUSTED
    ),
    *(
        FaultSpec(
            strike,
            Sort.HANDSHAKE,
            strike,
            wheres=AT_CONNECTING,
            scenarios=USUAL,
            wires=(Wire.TLS,),
            roots=(ssl.SSLError,),
        )
        for strike in NO_HANDSHAKE
    ),
    FaultSpec(
        "tls-hangs",
        Sort.SILENT,
        "tls-hang",
        wheres=AT_CONNECTING,
        # Not over httpx2's own transport, which leaves a socket to the garbage collector when it is
        # cancelled there: httpcore2/_backends/anyio.py, `start_tls` closes on `Exception` only.
        scenarios=tuple(scenario for scenario in LASTING if scenario is not Scenario.CLIENT),
        wires=(Wire.TLS,),
        roots=(TimeoutError,),
    ),
    *(
        FaultSpec(
            f"{name}-at-accept",
            Sort.CUT,
            Responds(Break(how, at="accept")),
            wheres=AT_CONNECTING,
            scenarios=USUAL,
            wires=BOTH,
            roots=GONE,
        )
        for name, how in ACCEPTED
    ),
    FaultSpec(
        "hang-at-accept",
        Sort.SILENT,
        Responds(Break("stall", at="accept")),
        wheres=AT_CONNECTING,
        scenarios=LASTING,
        roots=(TimeoutError,),
    ),
    FaultSpec(
        "pool-went-dark",
        Sort.DARK_POOL,
        "go-dark",
        wheres=AT_CONNECTING,
        whens=(When.FIRST,),
        scenarios=LASTING,
        wires=BOTH,
        roots=(TimeoutError,),
    ),
    FaultSpec(
        "idle-connections-dropped",
        Sort.DROPPED_POOL,
        "drop-idle",
        wheres=AT_CONNECTING,
        whens=(When.FIRST,),
        scenarios=USUAL,
        wires=BOTH,
    ),
)

ANYWHERE = (Where.REQUEST, *IN_STREAM, Where.TOOL_RESULT)
BREAKS = (
    FaultSpec(
        "reset",
        Sort.CUT,
        Breaks("reset"),
        wheres=ANYWHERE,
        scenarios=USUAL,
        wires=BOTH,
        roots=(ConnectionResetError,),
    ),
    FaultSpec(
        "closed",
        Sort.CUT,
        Breaks("close"),
        wheres=ANYWHERE,
        scenarios=USUAL,
        wires=BOTH,
        roots=GONE,
    ),
    FaultSpec(
        "ended",
        Sort.ENDED,
        Breaks("end"),
        # Once the stop reason has come, a clean end cuts nothing off: see `HARMLESS`.
        wheres=tuple(
            where for where in IN_STREAM if where not in (Where.TEXT_STOP, Where.TOOL_STOP)
        ),
        scenarios=USUAL,
        wires=BOTH,
    ),
    FaultSpec(
        "hang",
        Sort.SILENT,
        Breaks("stall"),
        wheres=ANYWHERE,
        scenarios=LASTING,
        wires=BOTH,
        roots=(TimeoutError,),
    ),
    FaultSpec(
        "pings-only",
        Sort.SILENT,
        Breaks("pings"),
        wheres=IN_STREAM,
        scenarios=CANCELLED,
        roots=(TimeoutError,),
    ),
    FaultSpec(
        "comments-only",
        Sort.SILENT,
        Breaks("comments"),
        wheres=IN_STREAM,
        scenarios=CANCELLED,
        roots=(TimeoutError,),
    ),
    FaultSpec(
        "empty-deltas-only",
        Sort.SILENT,
        Breaks("empty_deltas"),
        # Elsewhere an empty delta needs a new block, and would be out of order for its own reason.
        wheres=(Where.CONTENT, Where.TOOL_JSON, Where.TEXT, Where.TOOL_AFTER_TEXT),
        scenarios=CANCELLED,
        roots=(TimeoutError,),
    ),
    FaultSpec(
        "invalid-json",
        Sort.MALFORMED,
        Breaks(f'event: content_block_delta\ndata: {{"type": "{TEXT}\n\n'.encode()),
        wheres=IN_STREAM,
        scenarios=USUAL,
        roots=(json.JSONDecodeError,),
    ),
    FaultSpec(
        "overloaded-error-event",
        Sort.EVENT,
        Breaks(SseError("overloaded_error", INDISCREET)),
        wheres=(*IN_STREAM, Where.TOOL_RESULT),
        scenarios=CANCELLED,
        error_type="overloaded_error",
    ),
)

EVENTS = tuple(
    FaultSpec(
        error_type.replace("_", "-") + "-event",
        Sort.EVENT,
        Breaks(SseError(error_type, INDISCREET)),
        wheres=(Where.HEADERS, Where.CONTENT, Where.TEXT, Where.TOOL_STOP),
        whens=ONCE,
        scenarios=(Scenario.DIRECT, Scenario.FALLBACK),
        error_type=error_type,
    )
    for error_type in (
        "api_error",
        "rate_limit_error",
        "timeout_error",
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "billing_error",
        "not_found_error",
        "conflict_error",
        "request_too_large",
        "error_of_tomorrow",
    )
)
