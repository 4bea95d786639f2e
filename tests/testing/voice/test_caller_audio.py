"""What livekit is told of the caller's audio: transcripts and voice."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from livekit.agents import stt, vad

from resilient_claude.testing.clock.loop import ClockedLoop
from resilient_claude.testing.clock.process_time import skipping_waits
from resilient_claude.testing.voice import Coughs, Says, marks
from resilient_claude.testing.voice.caller import FRAME_S, Caller
from resilient_claude.testing.voice.script import ScriptLine
from resilient_claude.testing.voice.speaker import Speaker
from resilient_claude.testing.voice.stt import MarkedSTT
from resilient_claude.testing.voice.vad import MarkedVAD


def run(main: Coroutine[Any, Any, list[tuple[float, str, str]]]) -> list[tuple[float, str, str]]:
    """In no time."""
    with skipping_waits(), asyncio.Runner(loop_factory=ClockedLoop) as runner:
        return runner.run(main)


async def events_of(
    stream: stt.RecognizeStream | vad.VADStream, *lines: ScriptLine
) -> list[tuple[float, str, str]]:
    """What *stream* tells of a caller in 3 s, and when."""
    loop = asyncio.get_running_loop()
    began_s, told = loop.time(), list[tuple[float, str, str]]()
    caller = Caller(lines, Speaker())
    caller.microphone.on_attached()

    async def listen() -> None:
        async for frame in caller.microphone:
            stream.push_frame(frame)

    async def note() -> None:
        async for event in stream:
            text = event.alternatives[0].text if isinstance(event, stt.SpeechEvent) else ""
            told.append((round(loop.time() - began_s, 2), event.type.value, text))

    tasks = [asyncio.create_task(work) for work in (caller.speak(), listen(), note())]
    await asyncio.sleep(3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await stream.aclose()
    return told


async def transcripts(*lines: ScriptLine) -> list[tuple[float, str, str]]:
    """What the speech-to-text tells."""
    return await events_of(MarkedSTT(interim_s=0.1, final_s=0.3).stream(), *lines)


async def voices(*lines: ScriptLine) -> list[tuple[float, str, str]]:
    """When the voice detection hears a voice begin and end."""
    told = await events_of(MarkedVAD(update_s=FRAME_S).stream(), *lines)
    return [each for each in told if each[1] != "inference_done"]


def test_interims_grow_and_the_final_comes_last() -> None:
    """A tenth of a second after each word, three tenths after the last."""
    told = run(transcripts(Says("We are four", at_s=1.0)))

    assert told == [
        (1.4, "interim_transcript", "We"),
        (1.7, "interim_transcript", "We are"),
        (2.2, "final_transcript", "We are four"),
    ]


def test_several_finals_divide_the_words() -> None:
    """As a speech-to-text does that cuts at every breath."""
    told = run(transcripts(Says("one two three four five", at_s=0.5, finals=2, interims=False)))

    assert [text for _, _, text in told] == ["one two", "three four five"]


def test_a_cough_is_a_voice_without_words() -> None:
    """The one hears it, the other does not."""
    cough = Coughs(lasts_s=0.4, at_s=1.0)

    assert run(transcripts(cough)) == []
    assert run(voices(cough)) == [(1.05, "start_of_speech", ""), (1.65, "end_of_speech", "")]


def test_a_voice_is_over_after_a_quarter_of_a_second() -> None:
    """livekit's default for the model that it brings."""
    told = run(voices(Says("one two", at_s=1.0)))

    assert told == [(1.05, "start_of_speech", ""), (1.85, "end_of_speech", "")]


async def test_what_was_understood_is_told_when_the_line_is_closed() -> None:
    """A session that closes waits for the last words."""
    stream = MarkedSTT(interim_s=0.1, final_s=0.02).stream()
    (*words, pause) = [
        marks.frame(marks.samples_of([marks.Word("Bye.", 160, final="Bye.")])),
        marks.frame(marks.silence(160)),
    ]
    for frame in [*words, pause]:
        stream.push_frame(frame)
    stream.flush()
    stream.end_input()

    told = [event.alternatives[0].text async for event in stream]
    await stream.aclose()

    assert told == ["Bye."]


async def test_a_recording_is_not_understood() -> None:
    """livekit asks such a speech-to-text for a stream."""
    with pytest.raises(NotImplementedError):
        await MarkedSTT(interim_s=0.1, final_s=0.3).recognize([])


async def test_a_voice_detection_that_is_flushed_begins_anew() -> None:
    """livekit does it when speech-to-text has ended the turn."""
    stream = MarkedVAD(update_s=FRAME_S).stream()
    voice = marks.frame(marks.spoken("aah", 0.05))
    for _ in range(2):
        stream.push_frame(voice)
        stream.flush()
    stream.end_input()

    told = [event.type.value async for event in stream]
    await stream.aclose()

    assert told == ["inference_done", "start_of_speech"] * 2
