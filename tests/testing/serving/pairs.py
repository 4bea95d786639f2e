"""Connected sockets, without a server around them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The accepted end, which does not block, and the client's end of one TCP connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname(), timeout=5) as client,
    ):
        accepted, _ = listening.accept()
        accepted.setblocking(False)
        with accepted:
            yield accepted, client
