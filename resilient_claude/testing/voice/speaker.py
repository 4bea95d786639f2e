"""The loudspeaker at the caller's end: plays what the agent says in the time that it takes.

Theory of operation. Audio that is captured is queued; the head of the queue is what is being
played. Nothing runs while it plays: where the playhead is follows from the clock, and `_advance`
moves what has been played from the queue to the record whenever somebody asks. One timer is set,
for the moment at which the queue runs dry. A segment begins with its first frame and ends when all
of it has been played after `flush`, or with `clear_buffer`: then livekit is told how much was
heard, and which words, as its room output and transcript synchronizer tell it: a word counts when
it was said whole.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from livekit import rtc
from livekit.agents.voice import io

from .marks import SAMPLE_RATE, Run, runs


@dataclass
class Played:
    """A run of audio that came out of the loudspeaker.

    Attributes:
        run: What it was.
        start_s: When it began, by the loop's clock.
        offset: How many samples of the same mark had been played before.
        segment: The number of the segment that it belongs to.
    """

    run: Run
    start_s: float
    offset: int
    segment: int

    @property
    def end_s(self) -> float:
        """When it was over."""
        return self.start_s + self.run.samples / SAMPLE_RATE


class Speaker(io.AudioOutput):
    """Plays audio by the loop's clock, and keeps what was heard.

    Attributes:
        played: All that has been heard, up to the last `catch_up`.
        cut: The segments of which something was thrown away.
    """

    def __init__(self) -> None:
        super().__init__(
            label="VoiceCall",
            capabilities=io.AudioOutputCapabilities(pause=True),
            sample_rate=None,
        )
        self.played: list[Played] = []
        self.cut: set[int] = set()
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Run] = deque()
        self._head_s = 0.0
        """When the head of the queue began, or begins."""
        self._offset = 0
        self._segment = 0
        self._flushed = self._started = self._paused = self._cleared = False
        self._heard_samples = 0
        self._words: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self._over.set()

    @property
    def sounding(self) -> bool:
        """Whether something is heard now."""
        self.catch_up()
        return not self._paused and any(run.mark for run in self._queue)

    @property
    def last_sound_s(self) -> float | None:
        """When the last sound was over, or now if one is heard; None before the first."""
        if self.sounding:
            return self._loop.time()
        return next((each.end_s for each in reversed(self.played) if each.run.mark), None)

    def hang_up(self) -> None:
        """The call is over: what has not been played by now was cut off."""
        self.catch_up()
        if self._queue:
            self.cut.add(self._segment)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Queue *frame*; a new segment waits until the one before is over."""
        if self._flushed:
            await self._over.wait()
        await super().capture_frame(frame)
        self._over.clear()
        if self._cleared:
            return
        self.catch_up()
        if not self._queue:
            self._head_s = self._loop.time()
        for run in runs(frame):
            if self._queue and self._queue[-1].mark == run.mark:
                run = Run(run.mark, self._queue.pop().samples + run.samples)
            self._queue.append(run)
        if not self._started:
            self._started = True
            self.on_playback_started(created_at=time.time())
        self._set_timer()

    def flush(self) -> None:
        """No more audio for this segment."""
        super().flush()
        if self._over.is_set():  # nothing was captured
            return
        self._flushed = True
        if self._cleared:
            self._finish(interrupted=True)
        else:
            self._set_timer()

    def clear_buffer(self) -> None:
        """Be silent at once, and forget the rest of the segment, which ends once it is flushed."""
        if self._over.is_set():
            return
        self.catch_up()
        if self._queue:
            self.cut.add(self._segment)
        self._queue.clear()
        self._cleared = True
        if self._flushed:
            self._finish(interrupted=True)

    def pause(self) -> None:
        """Be silent at once, and keep the rest for `resume`."""
        super().pause()
        self.catch_up()
        self._paused = True
        self._set_timer()

    def resume(self) -> None:
        """Go on where `pause` has stopped."""
        super().resume()
        if self._paused:
            self._paused = False
            self._head_s = self._loop.time()
            self._set_timer()

    def catch_up(self) -> None:
        """Move what has been played by now from the queue to the record."""
        if self._paused:
            return
        now_s = self._loop.time()
        while self._queue and self._head_s < now_s:
            run = self._queue[0]
            samples = min(run.samples, round((now_s - self._head_s) * SAMPLE_RATE))
            if not samples:
                return
            self._record(run.first(samples), self._head_s)
            self._head_s += samples / SAMPLE_RATE
            self._queue.popleft()
            if samples < run.samples:
                self._queue.appendleft(run.first(run.samples - samples))
                return

    def _record(self, run: Run, start_s: float) -> None:
        last = self.played[-1] if self.played else None
        same = last is not None and last.run.mark == run.mark and last.segment == self._segment
        self._offset = self._offset if same else 0
        if last is not None and same and abs(last.end_s - start_s) < 1e-6:
            last.run = run.first(last.run.samples + run.samples)
        else:
            self.played.append(Played(run, start_s, self._offset, self._segment))
        self._offset += run.samples
        self._heard_samples += run.samples
        if run.word is not None and self._offset >= run.word.samples:
            self._words.append(run.word.text)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._paused or not self._flushed:
            return
        left_s = sum(run.samples for run in self._queue) / SAMPLE_RATE
        begin_s = self._head_s if self._queue else self._loop.time()
        self._timer = self._loop.call_at(begin_s + left_s + 1e-4, self._ran_dry)

    def _ran_dry(self) -> None:
        self.catch_up()
        assert not self._queue, "the timer is late by more than half a sample"
        self._finish(interrupted=False)

    def _finish(self, *, interrupted: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        position_s, words = self._heard_samples / SAMPLE_RATE, "".join(self._words)
        self._segment += 1
        self._heard_samples = self._offset = 0
        self._words = []
        self._flushed = self._started = self._cleared = False
        self._over.set()
        self.on_playback_finished(
            playback_position=position_s,
            interrupted=interrupted,
            synchronized_transcript=words if interrupted else None,
        )
