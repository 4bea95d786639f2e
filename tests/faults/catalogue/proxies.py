"""The faults that a proxy makes, between us and a Claude that is well. Rules: `expected`."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp

from tests.support.proxy import Does

from .streams import AT_CONNECTING, EVERY, GONE, ONCE
from .table import FaultSpec, Proxied, Scenario, Sort, Wire

# A client of the application's has proxies of its own.
ASKED = (Scenario.DIRECT, Scenario.SESSION, Scenario.FALLBACK)


def _tunnel(name: str, does: Does, sort: Sort = Sort.TUNNEL, **facts: Any) -> FaultSpec:
    scenarios = facts.pop("scenarios", (*ASKED, Scenario.CANCEL))
    given = {"wheres": AT_CONNECTING, "wires": (Wire.TLS,), "scenarios": scenarios, **facts}
    return FaultSpec(name, sort, Proxied(does), **given)


REFUSING = (403, 407)
"""What a proxy answers that will do so again: it forbids the host, or wants credentials."""

PROXIED = (
    *(
        _tunnel(f"connect-{status}", status, roots=(aiohttp.ClientHttpProxyError,))
        for status in (502, 503, 504)
    ),
    *(
        _tunnel(
            f"connect-{status}",
            status,
            whens=ONCE,
            scenarios=ASKED,
            roots=(aiohttp.ClientHttpProxyError,),
        )
        for status in REFUSING
    ),
    _tunnel("connect-closed", "close", roots=GONE),
    _tunnel("connect-reset", "reset", roots=(ConnectionResetError,)),
    _tunnel("connect-garbled", "garbage"),
    _tunnel(
        "connect-hangs",
        "hang",
        Sort.SILENT,
        roots=(TimeoutError,),
        scenarios=(*ASKED, Scenario.CANCEL, Scenario.BARGE_IN),
    ),
    _tunnel(
        "certificate-of-the-proxy",
        "inspect",
        Sort.UNTRUSTED,
        whens=EVERY,
        roots=(ssl.SSLCertVerificationError,),
        scenarios=ASKED,
    ),
)
