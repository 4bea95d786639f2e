"""How far an attempt has come, as its connection tells."""

from __future__ import annotations

from contextvars import ContextVar

from .failures import Phase


class Progress:
    """How far an attempt has come. The transport below writes it, the attempt reads it.

    Attributes:
        phase: the last phase that began.
        proxied: whether a proxy is connected first.
    """

    def __init__(self) -> None:
        self.phase = Phase.BUILD
        self.proxied = False

    def enter(self, phase: Phase) -> None:
        """*phase* begins. Subclasses react to it."""
        self.phase = phase


current_progress: ContextVar[Progress | None] = ContextVar("current_progress", default=None)
"""The attempt that runs in this task; the SDK has no argument to pass it through."""
