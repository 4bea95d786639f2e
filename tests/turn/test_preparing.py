"""What takes long is done in threads: the event loop carries the audio meanwhile."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import llm

from resilient_claude.request.history import conversation as history
from resilient_claude.request.history import media, shrinking
from resilient_claude.request.history.media import Picture
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.turn import preparing
from tests.support.adapters import MakeLLM
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream
from tests.support.pictures import base64_source, encoded, image, jpeg, padded, png

LEFT_OUT = {"type": "text", "text": "[Left out: an image]"}


class Encoder:
    """Encodes frames, as slowly as a test wants.

    Attributes:
        threads: where it did.
        began: set once it has been asked for a frame.
        ended: set once its thread has done with one.
        may_end: cleared, it waits within its thread.
    """

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self, _: llm.ImageContent) -> str:
        self.threads.append(threading.current_thread())
        self._loop.call_soon_threadsafe(self.began.set)
        self.may_end.wait(5)
        return encoded(jpeg(640, 480))

    def read(self, image: llm.ImageContent) -> None:
        """Do what a thread is to do with *image*."""
        media.read_picture(image)
        self._loop.call_soon_threadsafe(self.ended.set)


@pytest.fixture
async def encoder(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Encoder]:
    """What encodes frames, in place of livekit's, which needs Pillow."""
    one = Encoder()
    monkeypatch.setattr(media, "_encoded", one)
    monkeypatch.setattr(history, "read_picture", one.read)
    yield one
    one.may_end.set()


def frame() -> llm.ImageContent:
    return llm.ImageContent(image=rtc.VideoFrame(1, 1, rtc.VideoBufferType.RGBA, bytes(4)))


def showing(*images: llm.ImageContent) -> llm.ChatContext:
    context = conversation("What do you see?")
    context.add_message(role="user", content=[*images])
    return context


def shown(claude: SimulatedClaude, at: int = -1) -> list[dict[str, Any]]:
    """The blocks of the last message of a request, but for the question."""
    content: list[dict[str, Any]] = claude.requests[at].body["messages"][-1]["content"]
    return [block for block in content if block.get("text") != "What do you see?"]


async def test_a_frame_is_encoded_in_a_thread_and_once(
    make_llm: MakeLLM, lines: Lines, encoder: Encoder
) -> None:
    """The plugin does it in the loop: some 10 ms for each frame, and it is heard."""
    context = showing(frame(), frame())
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        for _ in range(2):
            heard = await read_stream(adapter.chat(chat_ctx=context))
            assert heard.text == "Hello."
        await adapter.aclose()

        source = base64_source(jpeg(640, 480), "image/jpeg")
        assert shown(claude, 0) == shown(claude, 1) == [{"type": "image", "source": source}] * 2
    assert len(encoder.threads) == 2
    assert threading.main_thread() not in encoder.threads
    assert lines.events == []


async def test_a_turn_does_not_wait_for_its_images_for_ever(
    make_llm: MakeLLM, lines: Lines, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word stands for what takes longer, and the next turn finds it done."""
    monkeypatch.setattr(preparing, "PREPARE_S", 0.05)
    encoder.may_end.clear()
    context = showing(frame())
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=context))
        encoder.may_end.set()
        await encoder.ended.wait()
        await read_stream(adapter.chat(chat_ctx=context))
        await adapter.aclose()

        assert shown(claude, 0) == [LEFT_OUT]
        assert shown(claude, 1)[0]["type"] == "image"
    assert [each["reason"] for each in lines.named("claude.request_adjusted")] == [
        "not sent: an image, not read in time"
    ]
    assert len(encoder.threads) == 1


async def test_an_older_frame_is_sent_once_it_is_encoded(
    make_llm: MakeLLM, encoder: Encoder
) -> None:
    """A history that is new to the adapter has frames before its last turn; none is forgotten."""
    context = llm.ChatContext.empty()
    for number in range(3):
        context.add_message(role="user", content=[f"And {number}?", frame()])
        context.add_message(role="assistant", content="A cat.")
    context.add_message(role="user", content="Thanks.")
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=context))
        await adapter.aclose()

        body = json.dumps(claude.requests[0].body)
    assert body.count('"type": "image"') == len(encoder.threads) == 3
    assert "Left out" not in body


@pytest.mark.parametrize("how", ["stream", "adapter"])
async def test_a_turn_that_waits_for_an_image_is_closed_at_once(
    how: str, make_llm: MakeLLM, encoder: Encoder
) -> None:
    """A caller who speaks, or a call that ends, waits for no encoder."""
    encoder.may_end.clear()
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        stream = adapter.chat(chat_ctx=showing(frame()))
        await encoder.began.wait()
        await (stream if how == "stream" else adapter).aclose()
        ended = stream._task.done()
        await stream.aclose()
        await adapter.aclose()

        assert ended
        assert not encoder.may_end.is_set()
        assert claude.requests == []


async def test_what_a_history_becomes_meanwhile_is_for_the_next_turn(
    make_llm: MakeLLM, encoder: Encoder
) -> None:
    """The turn asks what was asked when it began."""
    context = showing(frame())
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        stream = adapter.chat(chat_ctx=context)
        context.add_message(role="assistant", content="Later.")
        await read_stream(stream)
        await adapter.aclose()

        assert "Later." not in str(claude.requests[0].body)


async def test_an_encoder_that_breaks_costs_its_image_alone(
    make_llm: MakeLLM, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises, the caller hears an answer."""

    def breaks(_: llm.ImageContent) -> str:
        raise MemoryError

    monkeypatch.setattr(media, "_encoded", breaks)
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=showing(frame(), image())))
        await adapter.aclose()

        assert heard.text == "Hello."
        assert [block["type"] for block in shown(claude)] == ["text", "image"]
    assert len(lines.named("claude.request_adjusted")) == 1


async def test_a_large_frame_is_encoded_and_made_smaller(
    make_llm: MakeLLM, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One follows from the other: how many pixels it has is known when it is encoded."""
    less = Picture(base64_source(jpeg(1920, 2), "image/jpeg"), 1920, 2)
    monkeypatch.setattr(media, "_encoded", lambda _: encoded(jpeg(9000, 2)))
    monkeypatch.setattr(shrinking, "has_pillow", lambda: True)
    monkeypatch.setattr(shrinking, "shrunk", lambda _: less)
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=showing(frame())))
        await adapter.aclose()

        assert shown(claude) == [{"type": "image", "source": less.source}]


# --- calls with many images -----------------------------------------------------------------------


async def sent_in_turns(
    make_llm: MakeLLM, content: bytes, turns: int, *, before: int = 0, **arguments: Any
) -> list[list[str]]:
    """What stands in each turn's request for each image, one of which comes in every turn.

    The first turn finds some in its history, that came *before*.
    """
    context = llm.ChatContext.empty()
    for _ in range(before):
        context.add_message(role="user", content=[image(content)])
        context.add_message(role="assistant", content="I see.")
    sent = []
    with SimulatedClaude(default=Answer("I see.")) as claude:
        adapter = make_llm(claude, **arguments)
        for _ in range(turns):
            context.add_message(role="user", content=[image(content)])
            heard = await read_stream(adapter.chat(chat_ctx=context))
            assert heard.error is None
            context.add_message(role="assistant", content=heard.text)
            messages = claude.requests[-1].body["messages"]
            shown = [block for one in messages if one["role"] == "user" for block in one["content"]]
            sent.append([block.get("text", block["type"]) for block in shown])
        await adapter.aclose()
    return sent


OLDER = "[Left out: an older image]"


async def test_a_call_with_more_images_than_may_be_sent(make_llm: MakeLLM) -> None:
    """The 101st would end a call with a model that takes 100."""
    full, over = await sent_in_turns(make_llm, png(), 2, before=99, model="claude-haiku-4-5")

    assert full == ["image"] * 100
    assert over == [*[OLDER] * 25, *["image"] * 76]


async def test_a_call_with_many_large_images(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 21st would end it; without Pillow, those that few may have are sent."""
    monkeypatch.setattr(shrinking, "has_pillow", lambda: False)
    few, many, more = await sent_in_turns(make_llm, png(2100, 2), 3, before=19)

    assert few == ["image"] * 20
    assert many == [*[OLDER] * 5, *["image"] * 16]
    assert more == [*[OLDER] * 5, *["image"] * 17]


async def test_a_call_with_more_bytes_than_may_be_sent(make_llm: MakeLLM) -> None:
    """Four images of 8 MB, in base64, are more than a request may have."""
    sent = await sent_in_turns(make_llm, padded(png(), 6_000_000), 3, before=2)

    assert [turn.count("image") for turn in sent] == [3, 3, 3]
    assert all(turn[-1] == "image" for turn in sent)


async def test_pillow_makes_a_photo_small_enough(make_llm: MakeLLM, lines: Lines) -> None:
    """From the data URL to what a strict Claude takes, over a socket."""
    pytest.importorskip("PIL", reason="images are made smaller with it, where it is there")
    ((first,), (second, _)) = await sent_in_turns(make_llm, png(8100, 900), 2)

    assert (first, second) == ("image", "image")
    assert lines.events == []
