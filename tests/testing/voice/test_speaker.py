"""The loudspeaker: what comes out of it, when, and what livekit is told about it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from livekit.agents.voice.io import PlaybackFinishedEvent

from resilient_claude.testing.clock.loop import ClockedLoop
from resilient_claude.testing.clock.process_time import skipping_waits
from resilient_claude.testing.voice import recording
from resilient_claude.testing.voice.marks import SAMPLE_RATE
from resilient_claude.testing.voice.speaker import Speaker

TEXT = "We open at five."


def run(main: Coroutine[Any, Any, None]) -> None:
    """In no time."""
    with skipping_waits(), asyncio.Runner(loop_factory=ClockedLoop) as runner:
        runner.run(main)


class Listener:
    """A speaker, what it reports, and what has been heard of it."""

    def __init__(self) -> None:
        self.speaker = Speaker()
        self.finished: list[PlaybackFinishedEvent] = []
        self.speaker.on("playback_finished", self.finished.append)
        self.began_s = asyncio.get_running_loop().time()

    async def capture(self, text: str = TEXT) -> None:
        """0.3 s per word."""
        for frame in recording(text):
            await self.speaker.capture_frame(frame)

    def heard(self) -> list[tuple[str, float, float]]:
        """Words with their times, in hundredths of a second."""
        self.speaker.catch_up()
        return [
            (each.run.word.text.strip(), self._at(each.start_s), self._at(each.end_s))
            for each in self.speaker.played
            if each.run.word is not None
        ]

    def _at(self, time_s: float) -> float:
        return round(time_s - self.began_s, 2)


WHOLE = [("We", 0.0, 0.3), ("open", 0.3, 0.6), ("at", 0.6, 0.9), ("five.", 0.9, 1.2)]


def test_it_plays_in_the_time_that_it_takes() -> None:
    """However fast the frames came."""

    async def main() -> None:
        listener = Listener()
        await listener.capture()
        listener.speaker.flush()
        event = await listener.speaker.wait_for_playout()

        assert listener.heard() == WHOLE
        assert event.playback_position == pytest.approx(1.2)
        assert (event.interrupted, event.synchronized_transcript) == (False, None)

    run(main())


def test_clearing_is_heard_at_once() -> None:
    """A word counts in the transcript when it was said whole, as livekit's synchronizer does it."""

    async def main() -> None:
        listener = Listener()
        await listener.capture()
        listener.speaker.flush()
        await asyncio.sleep(0.75)
        listener.speaker.clear_buffer()
        event = await listener.speaker.wait_for_playout()

        assert listener.heard() == [*WHOLE[:2], ("at", 0.6, 0.75)]
        assert event.playback_position == pytest.approx(0.75, abs=1 / SAMPLE_RATE)
        assert (event.interrupted, event.synchronized_transcript) == (True, "We open ")
        assert listener.speaker.cut == {0}

    run(main())


def test_what_comes_after_clearing_is_not_heard_until_it_is_flushed() -> None:
    """As in a room: the rest of a speech that was interrupted while it was being made."""

    async def main() -> None:
        listener = Listener()
        await listener.capture("We")
        await asyncio.sleep(0.1)
        listener.speaker.clear_buffer()
        await listener.capture("open")
        await asyncio.sleep(1)
        assert listener.finished == []
        listener.speaker.flush()
        await listener.capture("Yes?")
        listener.speaker.flush()
        await listener.speaker.wait_for_playout()

        assert listener.heard() == [("We", 0.0, 0.1), ("Yes?", 1.1, 1.4)]
        assert [each.interrupted for each in listener.finished] == [True, False]

    run(main())


def test_a_pause_stops_in_mid_word_and_resuming_goes_on_there() -> None:
    """Nothing is lost, and nothing heard twice."""

    async def main() -> None:
        listener = Listener()
        await listener.capture("We open")
        listener.speaker.flush()
        await asyncio.sleep(0.45)
        listener.speaker.pause()
        await asyncio.sleep(2)
        assert not listener.speaker.sounding
        listener.speaker.resume()
        event = await listener.speaker.wait_for_playout()

        assert listener.heard() == [WHOLE[0], ("open", 0.3, 0.45), ("open", 2.45, 2.6)]
        assert [each.offset for each in listener.speaker.played] == [0, 0, 0.15 * SAMPLE_RATE]
        assert event.playback_position == pytest.approx(0.6)

    run(main())


def test_what_comes_too_late_is_heard_late() -> None:
    """A text-to-speech that is slower than speech."""

    async def main() -> None:
        listener = Listener()
        await listener.capture("We")
        await asyncio.sleep(1)
        await listener.capture("open")
        listener.speaker.flush()
        await listener.speaker.wait_for_playout()

        assert listener.heard() == [("We", 0.0, 0.3), ("open", 1.0, 1.3)]

    run(main())


def test_the_next_segment_waits_for_the_end_of_the_one_before() -> None:
    """As in a room."""

    async def main() -> None:
        listener = Listener()
        await listener.capture("We")
        listener.speaker.flush()
        await listener.capture("open")
        listener.speaker.flush()
        await listener.speaker.wait_for_playout()

        assert listener.heard() == WHOLE[:2]
        assert [each.segment for each in listener.speaker.played] == [0, 1]
        assert len(listener.finished) == 2

    run(main())


def test_clearing_what_has_been_played_cuts_nothing() -> None:
    """The text-to-speech was slower than the caller's interruption."""

    async def main() -> None:
        listener = Listener()
        await listener.capture("We")
        await asyncio.sleep(1)
        listener.speaker.clear_buffer()
        listener.speaker.flush()

        assert listener.speaker.cut == set()
        assert listener.finished[0].synchronized_transcript == "We"

    run(main())


def test_what_is_not_over_when_the_call_is_was_cut_off() -> None:
    """The caller has hung up."""

    async def main() -> None:
        listener = Listener()
        await listener.capture()
        await asyncio.sleep(0.6)
        listener.speaker.hang_up()

        assert listener.speaker.cut == {0}
        assert listener.heard() == WHOLE[:2]

    run(main())


def test_flushing_and_clearing_nothing_is_nothing() -> None:
    """livekit does both when a reply was cancelled before its first frame."""

    async def main() -> None:
        listener = Listener()
        listener.speaker.flush()
        listener.speaker.clear_buffer()
        await asyncio.sleep(1)

        assert (listener.finished, listener.speaker.last_sound_s) == ([], None)

    run(main())
