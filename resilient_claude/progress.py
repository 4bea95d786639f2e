"""How far an attempt has come, as its connection tells."""

from __future__ import annotations

import socket
from contextvars import ContextVar

from .failures import Phase


class Progress:
    """How far an attempt has come. The transport below writes it, the attempt reads it.

    Attributes:
        phase: the last phase that began.
        reused: whether the request went out on a pooled connection.
    """

    def __init__(self) -> None:
        self.phase = Phase.BUILD
        self.reused = False
        self._sockets: list[socket.socket] = []

    def enter(self, phase: Phase) -> None:
        """*phase* begins. Subclasses react to it."""
        self.phase = phase

    def opened(self, sock: socket.socket) -> None:
        """A socket was made that will be connected."""
        self._sockets.append(sock)

    def tcp_connected(self) -> bool:
        """Whether one of the sockets has a peer, so that what is missing is TLS."""
        for sock in self._sockets:
            try:
                sock.getpeername()
            except OSError:
                continue
            return True
        return False


current_progress: ContextVar[Progress | None] = ContextVar("current_progress", default=None)
"""The attempt that runs in this task; the SDK has no argument to pass it through."""
