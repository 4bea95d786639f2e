"""A chat context, turned into the messages and the system of a Messages API request.

Pure: values in, values out. What the API is known to reject is put right or left out, because a bad
item in a call's history would otherwise fail every later turn of that call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from livekit.agents import llm

from resilient_claude.request.content import GO_ON, prefill
from resilient_claude.request.models import Model

from .cache import MOST_CONVERSATIONS, HistoryCache
from .fitting import ANY_LIMITS, NOT_MEDIA_BYTES, Fitting, MediaLimits, Medium, fitted, rewritten
from .media import read_picture
from .plain_json import KnownJson, PlainJson
from .writer import NOBODY_SPOKE, SystemText


class Conversation(NamedTuple):
    """What a chat context has become.

    Attributes:
        messages: The messages, which are shared with other requests: make others to change them.
        system: The blocks of the system: one, but where a prefix ends in it that is cached.
        shared: How many of these blocks all calls share; 0 where that is not known.
        system_breakpoints: After which of these blocks livekit's cache breakpoints are.
        breakpoints: And after which block of which message.
        number: Which of the conversations in the history cache it is.
        known_json: The JSON of what the messages begin with.
        calls: The latest calls, those of an open tool loop among them, by the ids they are sent
            with.
        names: The names of all tools that were called, as they are sent.
        left_out: What could not be sent, and why.
        media_bytes: How many bytes of them are images and documents.
        preparations: What a thread is to do first, so that more of them can be sent.
    """

    messages: list[dict[str, Any]]
    system: list[dict[str, Any]]
    shared: int
    system_breakpoints: Sequence[int]
    breakpoints: Sequence[tuple[int, int]]
    number: int
    known_json: KnownJson | None
    calls: Mapping[str, llm.FunctionCall]
    names: Sequence[str]
    left_out: Sequence[str]
    media_bytes: int = 0
    preparations: tuple[Callable[[], object], ...] = ()


def conversation(
    chat_ctx: llm.ChatContext,
    model: Model,
    histories: HistoryCache,
    *,
    cut: bool = False,
    limits: MediaLimits = ANY_LIMITS,
    not_media_bytes: int = NOT_MEDIA_BYTES,
) -> Conversation:
    """The messages and the system of *chat_ctx*, free of what the API is known to reject.

    Args:
        chat_ctx: The call's history, as livekit keeps it; not changed.
        model: Who is asked.
        histories: What is known of earlier histories, so that only what is new is written.
        cut: Whether the system is cut, even without a breakpoint, behind what all calls share.
        limits: What of images and documents may be sent.
        not_media_bytes: How long everything else in the request is, in bytes.
    """
    settled, spans, number = histories.history(chat_ctx)
    new, media, unread = list[Any](), [*settled.media], list[llm.ImageContent]()
    for span in spans:
        new += span.messages
        media += span.media
        unread += span.unread
    messages: list[dict[str, Any]] = [*settled.messages, *new]
    known = settled.known_json(messages) if new and settled.messages else None
    fitting = _NO_MEDIA
    if media:
        fitting = fitted(media, limits, histories.small, not_media_bytes=not_media_bytes)
        messages = _rewritten(messages, media, fitting, histories)
    if not messages or messages[-1]["role"] == "assistant":
        _end(messages, model)
    calls, names, left_out = dict[str, llm.FunctionCall](), {**settled.names}, {**settled.left_out}
    texts, breakpoints = [*settled.system], [*settled.breakpoints]
    before = len(settled.messages)
    for span in spans:
        texts += span.system
        if span.calls:
            calls |= span.calls
            names |= dict.fromkeys(span.names)
        left_out |= dict.fromkeys(span.left_out)
        breakpoints += [(before + at, block) for at, block in span.breakpoints]
        before += len(span.messages)
    system, ends = _system(texts, histories, cut=cut)
    return Conversation(
        messages=messages,
        system=[*system],
        shared=1 if len(system) > 1 else 0,
        system_breakpoints=ends,
        breakpoints=breakpoints,
        number=number,
        known_json=known,
        calls=calls,
        names=[*names],
        left_out=[*(left_out | fitting.left_out)],
        media_bytes=fitting.sent_bytes,
        preparations=_prepared(unread, fitting, histories) if unread or fitting.to_shrink else (),
    )


_NO_MEDIA = Fitting()


def _end(messages: list[dict[str, Any]], model: Model) -> None:
    """Make *messages* end as *model* takes it."""
    if not messages:
        messages.append(NOBODY_SPOKE)
    final = messages[-1]
    if final["role"] == "assistant" and not model.accepts_prefill:
        # As livekit would, had it known what the repairs leave over.
        messages.append({"role": "user", "content": [GO_ON]})
    elif final["role"] == "assistant" and final["content"][-1]["type"] == "text":
        *blocks, last = final["content"]
        messages[-1] = {**final, "content": [*blocks, {**last, "text": prefill(last["text"])}]}


def _prepared(
    unread: Sequence[llm.ImageContent], fitting: Fitting, histories: HistoryCache
) -> tuple[Callable[[], object], ...]:
    """What a thread is to do first: read images, and make them smaller."""
    return (
        *(partial(read_picture, image) for image in unread),
        *(partial(histories.small.make, picture) for picture in fitting.to_shrink),
    )


def _system(
    texts: list[SystemText], histories: HistoryCache, *, cut: bool
) -> tuple[list[PlainJson], list[int]]:
    """The blocks of the system, and after which of them breakpoints are; made once."""
    key = (cut, *texts)
    made = histories.systems.get(key)
    if made is None:
        if len(histories.systems) == MOST_CONVERSATIONS:
            histories.systems.clear()
        made = histories.systems[key] = _made_system(texts, cut=cut)
    return made


def _made_system(texts: list[SystemText], *, cut: bool) -> tuple[list[PlainJson], list[int]]:
    ends = [at for at, text in enumerate(texts) if text.breakpoint]
    if not cut and not ends and len(texts) > 1:
        texts = [SystemText("".join(text.text for text in texts))]
    blocks = [
        PlainJson(type="text", text=text.text).encoded()
        for text in texts
        if not text.text.isspace()
    ]
    return blocks, ends


def _rewritten(
    messages: list[dict[str, Any]],
    media: Sequence[Medium],
    fitting: Fitting,
    histories: HistoryCache,
) -> list[dict[str, Any]]:
    """*messages*, but for those in which others stand for some of the *media*.

    The same ones are rewritten in the next turn, so they and their JSON are kept.
    """
    histories.small.forget_oldest()
    before, histories.rewritten = histories.rewritten, {}
    for medium in media:
        message = medium.message
        if id(medium.block) not in fitting.replaced or id(message) in histories.rewritten:
            continue
        assert message is not None
        content = [rewritten(block, fitting.replaced) for block in message["content"]]
        known = before.get(id(message))
        if known is None or known[0] is not message or known[1]["content"] != content:
            other = PlainJson(role=message["role"], content=content, exact=message.exact)
            known = message, other.encoded()
        histories.rewritten[id(message)] = known
    instead = histories.rewritten
    if not instead:
        return messages
    return [instead[id(each)][1] if id(each) in instead else each for each in messages]
