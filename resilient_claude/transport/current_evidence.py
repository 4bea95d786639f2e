"""The evidence of the attempt that runs in this task.

Evidence is handed over as an argument as far as the calls are ours. Below them it cannot be: the
SDK calls our transport, aiohttp our connector, resolver and socket factory, and ssl our handshake,
each with arguments of its own and no room for another. They all do so in the task of the attempt,
and a task's context is what gets through. `exchange` sets it, the sockets read it, and no other
room knows of it.
"""

from __future__ import annotations

from contextvars import ContextVar

from resilient_claude.failures.evidence import Evidence

current_evidence: ContextVar[Evidence | None] = ContextVar("current_evidence", default=None)
"""None where nobody asks what becomes of a connection."""
