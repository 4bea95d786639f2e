"""Where the chunks of a turn go: to whoever reads the stream, and to livekit's metrics."""

from __future__ import annotations

from livekit.agents import llm
from livekit.agents.utils import aio


class Output:
    """Hands chunks on.

    livekit's own channel has two readers, the application and the metrics, which wake and lock each
    other for every token. The metrics need only the first chunk, to time it, and the sum of the
    rest: so each has a channel of its own here.

    Args:
        measured: what livekit's metrics read.

    Attributes:
        chunks: what the application reads.
    """

    def __init__(self, measured: aio.Chan[llm.ChatChunk]) -> None:
        self.chunks: aio.Chan[llm.ChatChunk] = aio.Chan()
        self._measured = measured
        self._message_id: str | None = None
        self._text: list[str] = []  # that the metrics have not seen
        self._calls: list[llm.FunctionToolCall] = []

    def send(self, chunk: llm.ChatChunk) -> None:
        """Hand *chunk* on."""
        self.chunks.send_nowait(chunk)
        if chunk.id != self._message_id:  # they collect the ids of the messages
            if self._message_id is not None:
                self._measure_rest(self._message_id, None)
            self._message_id = chunk.id
            self._measured.send_nowait(chunk)
        elif chunk.delta is not None:
            if chunk.delta.content:
                self._text.append(chunk.delta.content)
            self._calls += chunk.delta.tool_calls

    def tell(self, chunk: llm.ChatChunk) -> None:
        """Hand *chunk* on, which says nothing that counts as an answer."""
        self.chunks.send_nowait(chunk)

    def end(self, last: llm.ChatChunk) -> None:
        """Hand on the *last* chunk, which has the usage."""
        self.chunks.send_nowait(last)
        self._measure_rest(last.id, last.usage)

    def clear(self) -> None:
        """Forget what the application has not read."""
        while not self.chunks.empty():
            self.chunks.recv_nowait()

    def _measure_rest(self, message_id: str, usage: llm.CompletionUsage | None) -> None:
        rest = llm.ChoiceDelta(
            role="assistant", content="".join(self._text) or None, tool_calls=self._calls
        )
        self._text, self._calls = [], []
        self._measured.send_nowait(llm.ChatChunk(id=message_id, delta=rest, usage=usage))
