"""A voice detection that takes every mark for a voice, with the clocks of livekit's own."""

from livekit import rtc
from livekit.agents import vad

from .marks import runs


class MarkedVAD(vad.VAD):
    """Hears the caller's voice, coughs included.

    Args:
        update_s: Seconds per frame of the caller's audio.
        min_speech_s: A voice is one after so many seconds; livekit's default.
        min_silence_s: It is over after so many seconds of silence; livekit's default.
    """

    def __init__(
        self, *, update_s: float, min_speech_s: float = 0.05, min_silence_s: float = 0.25
    ) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=update_s))
        self.min_speech_s = min_speech_s
        self.min_silence_s = min_silence_s

    def stream(self) -> vad.VADStream:
        """Listen."""
        return _Detection(self)


class _Detection(vad.VADStream):
    """The clocks of livekit/agents/inference/vad.py, without its model.

    Before the voice of a frame is judged, the frame's event tells what was known so far.
    """

    _vad: MarkedVAD

    def _reset(self) -> None:
        self._speaking = False
        self._speech_s = self._silence_s = 0.0
        self._loud_s = self._quiet_s = 0.0

    async def _main_task(self) -> None:
        self._reset()
        self._passed_s, self._samples = 0.0, 0
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                self._reset()
                continue
            self._passed_s += frame.duration
            self._samples += frame.samples_per_channel
            if self._speaking:
                self._speech_s += frame.duration
            else:
                self._silence_s += frame.duration
            self._send(vad.VADEventType.INFERENCE_DONE, frame)
            if any(run.mark for run in runs(frame)):
                self._hear(frame)
            else:
                self._miss(frame)

    def _hear(self, frame: rtc.AudioFrame) -> None:
        self._loud_s += frame.duration
        self._quiet_s = 0.0
        if not self._speaking and self._loud_s >= self._vad.min_speech_s - 1e-6:
            self._speaking = True
            self._silence_s, self._speech_s = 0.0, self._loud_s
            self._send(vad.VADEventType.START_OF_SPEECH, frame)

    def _miss(self, frame: rtc.AudioFrame) -> None:
        self._quiet_s += frame.duration
        self._loud_s = 0.0
        if self._speaking and self._quiet_s >= self._vad.min_silence_s - 1e-6:
            self._speaking = False
            self._silence_s = self._quiet_s
            self._speech_s = max(0.0, self._speech_s - self._quiet_s)
            self._send(vad.VADEventType.END_OF_SPEECH, frame)
            self._speech_s = 0.0

    def _send(self, kind: vad.VADEventType, frame: rtc.AudioFrame) -> None:
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=kind,
                samples_index=self._samples,
                timestamp=self._passed_s,
                speech_duration=self._speech_s,
                silence_duration=self._silence_s,
                frames=[frame],
                speaking=self._speaking,
                probability=1.0 if self._loud_s else 0.0,
                raw_accumulated_silence=self._quiet_s,
                raw_accumulated_speech=self._loud_s,
            )
        )
