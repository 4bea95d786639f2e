"""A text-to-speech whose audio can be read again, takes its time, and can be down."""

import asyncio
from collections.abc import Callable
from typing import Any

from livekit.agents import APIConnectionError, APIConnectOptions, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from .marks import SAMPLE_RATE, spoken


class MarkedTTS(tts.TTS[Any]):
    """Speaks a sentence at a time, as livekit cuts them.

    Args:
        word_s: Seconds per word.
        first_byte_s: Seconds from a sentence to its first audio.
        down: Whether it fails now, as when its host cannot be reached.
    """

    def __init__(self, *, word_s: float, first_byte_s: float, down: Callable[[], bool]) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=SAMPLE_RATE,
            num_channels=1,
        )
        self.word_s = word_s
        self.first_byte_s = first_byte_s
        self.down = down

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak *text*."""
        return _Sentence(tts=self, input_text=text, conn_options=conn_options)


class _Sentence(tts.ChunkedStream):
    _tts: MarkedTTS

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        await asyncio.sleep(self._tts.first_byte_s)
        if self._tts.down():
            raise APIConnectionError("the simulated text-to-speech is down")
        output_emitter.initialize(
            request_id=utils.shortuuid("tts_"),
            sample_rate=SAMPLE_RATE,
            num_channels=1,
            mime_type="audio/pcm",
        )
        output_emitter.push(spoken(self._input_text, self._tts.word_s).tobytes())
        output_emitter.flush()
