"""What is known about an attempt: written while it runs, read when it has failed.

A new fact that log lines shall tell is a field of `Evidence`, written where it becomes known, and a
field of `Failure` of the same name; everything in between takes it along.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any

from .failure import Failure, Phase


@dataclass(slots=True)
class Evidence:
    """What is known about one attempt.

    The attempt makes it, the sockets write it while the attempt runs, `classify` reads it. A socket
    may keep it for as long as the connection is open, so it must not hold the conversation.

    Attributes:
        phase: the last phase that began.
        https: whether the URL asks for TLS.
        proxied: whether a proxy is connected first.
        request_id: the `request-id` header of the response, the proof that Anthropic answered.
        loop_lag_s: how long the event loop stood still, seconds; None if it was not noticed.
        on_phase: called with each phase that begins.
    """

    phase: Phase = Phase.BUILD
    https: bool = True
    proxied: bool = False
    request_id: str | None = None
    loop_lag_s: float | None = None
    on_phase: Callable[[Phase], None] | None = None

    def enter(self, phase: Phase) -> None:
        """*phase* begins."""
        self.phase = phase
        if self.on_phase is not None:
            self.on_phase(phase)

    def facts(self) -> dict[str, Any]:
        """The fields that a `Failure` has as well, but for the phase, which `classify` judges."""
        return {name: getattr(self, name) for name in _SHARED}


_SHARED = {f.name for f in fields(Evidence)} & {f.name for f in fields(Failure)} - {"phase"}


current_evidence: ContextVar[Evidence | None] = ContextVar("current_evidence", default=None)
"""That of the attempt which runs in this task: neither the SDK nor aiohttp takes it along."""
