"""A speech-to-text that reads the marks in the audio: interims after each word, then finals."""

import asyncio
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, LanguageCode, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from .marks import SAMPLE_RATE, Word, runs


@dataclass(frozen=True)
class _Transcript:
    """A transcript, and when it is told by the loop's clock."""

    at_s: float
    kind: stt.SpeechEventType
    text: str


class MarkedSTT(stt.STT[Any]):
    """Understands everything, a little later.

    Args:
        interim_s: Seconds from the end of a word to the interim transcript.
        final_s: Seconds from the last word of a sentence to the final transcript.
    """

    def __init__(self, *, interim_s: float, final_s: float) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.interim_s = interim_s
        self.final_s = final_s

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        raise NotImplementedError("the simulated speech-to-text streams")

    def stream(
        self,
        *,
        language: Any = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        """Listen."""
        return _Recognition(stt=self, conn_options=conn_options)


class _Recognition(stt.RecognizeStream):
    _stt: MarkedSTT

    async def _run(self) -> None:
        transcripts: asyncio.Queue[_Transcript | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver(transcripts))
            await self._listen(transcripts)
            transcripts.put_nowait(None)

    async def _listen(self, transcripts: "asyncio.Queue[_Transcript | None]") -> None:
        """Note each word when it is over: when another mark follows."""
        loop = asyncio.get_running_loop()
        last = None
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            over_s = loop.time() - frame.duration
            for run in runs(frame):
                if last is not None and last.mark != run.mark and last.word is not None:
                    self._understand(last.word, over_s, transcripts)
                last = run
                over_s += run.samples / SAMPLE_RATE

    def _understand(
        self, word: Word, over_s: float, transcripts: "asyncio.Queue[_Transcript | None]"
    ) -> None:
        kinds = stt.SpeechEventType
        if word.interim is not None:
            at_s = over_s + self._stt.interim_s
            transcripts.put_nowait(_Transcript(at_s, kinds.INTERIM_TRANSCRIPT, word.interim))
        if word.final is not None:
            at_s = over_s + self._stt.final_s
            transcripts.put_nowait(_Transcript(at_s, kinds.FINAL_TRANSCRIPT, word.final))

    async def _deliver(self, transcripts: "asyncio.Queue[_Transcript | None]") -> None:
        loop = asyncio.get_running_loop()
        while (transcript := await transcripts.get()) is not None:
            await asyncio.sleep(transcript.at_s - loop.time())
            data = stt.SpeechData(language=LanguageCode("en"), text=transcript.text, confidence=1.0)
            self._event_ch.send_nowait(stt.SpeechEvent(type=transcript.kind, alternatives=[data]))
