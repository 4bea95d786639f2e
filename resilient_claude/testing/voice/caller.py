"""The caller: speaks by his script into the line, and hears what comes out of the loudspeaker."""

import array
import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from livekit import rtc
from livekit.agents.voice import io

from .heard import PAUSE_S
from .marks import SAMPLE_RATE, Word, frame, samples_of, silence, split
from .script import Coughs, Says, ScriptLine
from .speaker import Speaker

FRAME_S = 0.05
"""Seconds per frame of the line, as in livekit's rooms; the caller acts once per frame."""

_FRAME_SAMPLES = round(FRAME_S * SAMPLE_RATE)
_EPSILON_S = 1e-6
_IN_VAIN_S = 60.0
"""An agent that has said nothing for so long is not waited for: no caller would."""


class Microphone(io.AudioInput):
    """The line as the session hears it: a frame each `FRAME_S` seconds, silence included."""

    def __init__(self) -> None:
        super().__init__(label="VoiceCall")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()
        self._attached = False

    def on_attached(self) -> None:
        """Begin to listen."""
        self._attached = True

    def on_detached(self) -> None:
        """Stop listening: what is said meanwhile is lost."""
        self._attached = False

    def put(self, audio: rtc.AudioFrame) -> None:
        """Carry *audio* to who listens."""
        if self._attached:
            self._frames.put_nowait(audio)

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


@dataclass
class CallerSpeech:
    """What the caller has said, in seconds of the loop's clock.

    Attributes:
        text: The words; empty for a cough.
        start_s: When he began.
        end_s: The end of the last word.
    """

    text: str
    start_s: float
    end_s: float


class Caller:
    """Plays a script.

    Args:
        lines: The script.
        speaker: What he hears.

    Attributes:
        microphone: What he speaks into.
        spoken: What he has said so far.
    """

    def __init__(self, lines: Sequence[ScriptLine], speaker: Speaker) -> None:
        self.microphone = Microphone()
        self.spoken: list[CallerSpeech] = []
        self._speaker = speaker
        self._loop = asyncio.get_running_loop()
        self._began_s = self._armed_s = self._loop.time()
        self._repeated: list[ScriptLine] = []
        self._lines = list(lines)
        self._saying: array.array[int] = silence(0)
        self._speech_began_s = -math.inf

    @property
    def through(self) -> bool:
        """Whether he has nothing more to say, but for what he repeats."""
        return not self._saying and not self.unsaid

    @property
    def unsaid(self) -> list[ScriptLine]:
        """The lines whose moment has not come, but for those that he repeats."""
        return [line for line in self._lines if not line.repeat]

    def waits_in_vain(self, now_s: float) -> bool:
        """Whether his next line waits for the agent to speak, which has long been silent."""
        next_line = next(iter(self.unsaid), None)
        if next_line is None or next_line.into_agent_s is None:
            return False
        return now_s >= self.quiet_since_s + next_line.into_agent_s + _IN_VAIN_S

    @property
    def quiet_since_s(self) -> float:
        """When the last sound of either was over."""
        own = self.spoken[-1].end_s if self.spoken else self._began_s
        return max(own, self._speaker.last_sound_s or self._began_s)

    async def speak(self) -> None:
        """Speak until cancelled."""
        due_s = self._loop.time()
        while True:
            self._tick(due_s)
            samples, self._saying = self._saying[:_FRAME_SAMPLES], self._saying[_FRAME_SAMPLES:]
            samples.extend(silence(_FRAME_SAMPLES - len(samples)))
            due_s += FRAME_S
            await asyncio.sleep(due_s - self._loop.time())
            self.microphone.put(frame(samples))

    def _tick(self, now_s: float) -> None:
        """Begin to speak if a line's moment has come."""
        self._speaker.catch_up()
        self._note_speech(now_s)
        while self._lines and self._lines[0].repeat:
            self._repeated.append(self._lines.pop(0))
        if self._saying:
            return
        for line in [*self._lines[:1], *self._repeated]:
            if self._moment_has_come(line, now_s):
                self._begin(line, now_s)
                return

    def _note_speech(self, now_s: float) -> None:
        """Keep when the agent began to speak, while it does and after that."""
        played = [each for each in self._speaker.played if each.run.mark]
        if not played:
            return
        began_s = played[-1].start_s
        for each in reversed(played):
            if began_s - each.end_s > PAUSE_S:
                break
            began_s = each.start_s
        self._speech_began_s = began_s

    def _moment_has_come(self, line: ScriptLine, now_s: float) -> bool:
        now_s += _EPSILON_S
        own_s = self.spoken[-1].end_s if self.spoken else self._began_s
        if line.at_s is not None:
            return now_s >= self._began_s + line.at_s
        if line.after_own_s is not None:
            return now_s >= own_s + line.after_own_s
        if line.when_silent_s is not None:
            silent_s = max(self.quiet_since_s, self._began_s if line.repeat else self._armed_s)
            return not self._speaker.sounding and now_s >= silent_s + line.when_silent_s
        last_s = self._speaker.last_sound_s or -math.inf
        if line.into_speech_s is not None:
            began_s = max(self._speech_began_s, self._armed_s)
            return self._speaker.sounding and now_s >= began_s + line.into_speech_s
        if line.after_answer_s is not None:
            answered = last_s > self._armed_s and not self._speaker.sounding
            return answered and now_s >= last_s + line.after_answer_s
        return True

    def _begin(self, line: ScriptLine, now_s: float) -> None:
        words = list(_words(line))
        self._saying = samples_of(words)
        text = " ".join(line.text.split()) if isinstance(line, Says) else ""
        end_s = now_s + len(self._saying) / SAMPLE_RATE
        self.spoken.append(CallerSpeech(text, now_s, end_s))
        if not line.repeat:
            self._lines.pop(0)
            self._armed_s = end_s


def _words(line: ScriptLine) -> list[Word]:
    """What the voice detection and the speech-to-text make of *line*."""
    if isinstance(line, Coughs):
        return [Word("", round(line.lasts_s * SAMPLE_RATE))]
    texts = [word.strip() for word in split(line.text)]
    ends = {round((part + 1) * len(texts) / line.finals) for part in range(line.finals)}
    words, sentence = [], list[str]()
    for number, text in enumerate(texts, 1):
        sentence.append(text)
        known = " ".join(sentence)
        over = number in ends
        words.append(
            Word(
                text,
                round(line.word_s * SAMPLE_RATE),
                interim=known if line.interims and not over else None,
                final=known if over else None,
            )
        )
        if over:
            sentence = []
    return words
