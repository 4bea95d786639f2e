"""A connection below aiohttp: it answers what was asked, in pieces that leave others their time.

**Theory of operation.** A connection is fresh until its first request, then reads a head, then a
body, and is idle from the end of the body until the next request. Whatever comes while it is idle,
or behind the end of a body, nobody asked for: the connection is closed, for the bytes would be
taken for the answer to the next question. aiohttp's own check comes too early, when a body ends,
and sees nothing of what is parsed after it.

What one read brought is parsed in steps: reading stops until the last of them is done, and others
run in between, however many heads, chunks or headers it holds. The head goes to the parser by
itself, so that a status is not lost to what is wrong behind it in the same packet.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp.client_proto import ResponseHandler

from .aiohttp_internals import between_messages, head_refused, parses, reading_paused
from .head import Head, HeadRefused

STEP_BYTES = 2**14
"""How much is parsed at once: a thousand of the smallest responses, or some 2,700 chunks."""


class Protocol(ResponseHandler):
    """One connection.

    Attributes:
        idle: whether nobody has asked for anything that is not answered yet; the connector sets it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.idle = False
        self._event_loop = loop
        self._head = Head()
        self._backlog = b""
        self._going_on = False

    @property
    def unasked(self) -> bool:
        """Whether an idle connection has brought something that nobody asked for."""
        return self.should_close or not between_messages(self)

    def set_response_params(self, **options: Any) -> None:
        """A request is about to be sent."""
        self._head = Head()
        super().set_response_params(**options)

    def data_received(self, data: bytes) -> None:
        """Parse *data*, a step now and the rest when others have had their turn."""
        in_body = self._head.over and not self.idle and not self._backlog
        if in_body and 0 < len(data) <= STEP_BYTES:  # as with almost every token
            super().data_received(data)
            if self.idle and self.should_close:
                self.close()
        elif not data or not parses(self):  # aiohttp wakes its parser, or nobody has asked yet
            super().data_received(data)
        elif self.idle:
            self.close()
        elif self._backlog:
            self._backlog += data
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        self._backlog = data[STEP_BYTES:]
        self._step(data[:STEP_BYTES])
        if self.idle and (self._backlog or self.should_close):
            self.close()
        self._hold()

    def _hold(self) -> None:
        """Read no more until the backlog is parsed."""
        if self._backlog and self.transport is not None:
            self.transport.pause_reading()
            if not self._going_on:
                self._going_on = True
                self._event_loop.call_soon(self._go_on)

    def _step(self, data: bytes) -> None:
        if not self._head.over:
            try:
                passed_on, data = self._head.feed(data)
            except HeadRefused as exc:
                head_refused(self, str(exc))
                self._backlog = b""
                return
            if passed_on:
                super().data_received(passed_on)
        if data:
            super().data_received(data)

    def _go_on(self) -> None:
        self._going_on = False
        if not self._backlog or self.transport is None or reading_paused(self):
            return
        self._parse(self._backlog)
        if not self._backlog and self.transport is not None and not reading_paused(self):
            self.transport.resume_reading()

    def resume_reading(self, *arguments: Any, **options: Any) -> None:
        """Who reads the body has room for more."""
        if reading_paused(self):  # aiohttp says so after each chunk that is taken
            super().resume_reading(*arguments, **options)
            self._hold()

    def close(self) -> None:
        """Close the connection; what has come and is not parsed is of no use any more."""
        self._backlog = b""
        super().close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._backlog = b""
        super().abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone; what came before counts."""
        while self._backlog and not self.idle:
            data = self._backlog
            self._backlog = data[STEP_BYTES:]
            self._step(data[:STEP_BYTES])
        super().connection_lost(exc)
