"""`keep_caller_informed`, and what it returns."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from inspect import iscoroutinefunction
from typing import Any, Literal, TypeVar, overload
from weakref import WeakSet

from livekit.agents import AgentSession

from .announcer import Listener
from .arguments import APOLOGY, BROKE_OFF, HOLD_LINES, Arguments, HoldLines, OnGiveUp
from .attachment import Attachment
from .lines import Saying
from .node import Chunk
from .payloads import Answered, Apology, BrokeOff, EventName, GiveUp, HoldLine
from .stats import VoiceStats

F = TypeVar("F", bound=Callable[..., object])

_ATTENDED: WeakSet[AgentSession[Any]] = WeakSet()
"""Sessions whose callers are kept informed: twice would be every line twice."""


class Care:
    """What `keep_caller_informed` returns.

    Attributes:
        stats: what the caller heard so far.
    """

    def __init__(self, session: AgentSession[Any], arguments: Arguments) -> None:
        self._attachment = Attachment(session, arguments, lambda: _ATTENDED.discard(session))
        self._announcer = self._attachment.attending.announcer
        self.stats: VoiceStats = self._announcer.stats

    @overload
    def on(self, event: Literal["hold_line"], handler: Callable[[HoldLine], object]) -> None: ...
    @overload
    def on(self, event: Literal["apology"], handler: Callable[[Apology], object]) -> None: ...
    @overload
    def on(self, event: Literal["broke_off"], handler: Callable[[BrokeOff], object]) -> None: ...
    @overload
    def on(self, event: Literal["give_up"], handler: Callable[[GiveUp], object]) -> None: ...
    @overload
    def on(self, event: Literal["answered"], handler: Callable[[Answered], object]) -> None: ...
    @overload
    def on(self, event: EventName) -> Callable[[F], F]: ...
    def on(self, event: EventName, handler: Listener | None = None) -> Any:
        """Call *handler* with every *event*, which is over when it returns.

        Without a handler it is a decorator. A handler that raises is logged, and the others are
        called.

        Args:
            event: "hold_line", "apology", "broke_off", "give_up" or "answered".
            handler: called with a `HoldLine`, `Apology`, `BrokeOff`, `GiveUp` or `Answered`.

        Raises:
            TypeError: the handler is an async function, for which nobody would wait.
            ValueError: there is no such event.
        """
        listeners = self._announcer.listeners(event)

        def add(function: F) -> F:
            if iscoroutinefunction(function):
                raise TypeError(f"the handler of {event} must not be async: let it create a task")
            listeners.append(function)
            return function

        if handler is None:
            return add
        add(handler)
        return None

    def off(self, event: EventName, handler: Callable[..., object]) -> None:
        """Do not call *handler* any more.

        Raises:
            ValueError: there is no such event, or it is no handler of it.
        """
        self._announcer.listeners(event).remove(handler)

    def over(self, stream: AsyncIterable[Chunk]) -> AsyncIterator[Chunk]:
        """Say what is due while *stream* has nothing to say.

        For an agent with an `llm_node` of its own that wants lines over one part of it, and not
        over all of it, which is what it gets without this::

            async def llm_node(self, chat_ctx, tools, model_settings):
                async for chunk in care.over(Agent.default.llm_node(self, chat_ctx, ...)):
                    yield chunk
        """
        return self._attachment.over(stream)

    async def aclose(self) -> None:
        """Leave the session as it was found, and wait for an `on_give_up` that runs.

        When the session closes, this happens by itself.
        """
        self._attachment.detach()
        await self._attachment.attending.handing_over.aclose()


def keep_caller_informed(
    session: AgentSession[Any],
    *,
    hold_lines: HoldLines = HOLD_LINES,
    hold_after_s: float | Literal["auto"] = 2.5,
    hold_every_s: float = 7.0,
    max_hold_lines: int = 3,
    tool_hold_after_s: float | None = None,
    apology: Saying = APOLOGY,
    broke_off: Saying = BROKE_OFF,
    give_up_after_s: float = 12.0,
    max_apologies: int = 3,
    on_give_up: OnGiveUp | None = None,
    ask_again_every_s: float | None = None,
) -> Care:
    """Let no caller of *session* sit in silence, whatever LLM answers, and however it fails.

    Everything that is said may be text, the path of a WAV file, frames, a `Line` of both, or a
    function that returns one of these in the language of the moment. If that fails, what it
    returned last is said, and until then the default. While attached, livekit does not close the
    session because of failed generations: `max_apologies` is the bound.

    Args:
        session: before or after its start; its agents may change.
        hold_lines: said while an answer keeps him waiting, in this order and never the same twice
            in a row, so that a single one is said once per wait; four words at most, because an
            answer waits for the end of one; () for none; a function that returns them, for other
            languages.
        hold_after_s: seconds from the commit of a turn until its first line is heard; "auto" for
            the p95 of this session's first tokens, within 1.5 to 4 s.
        hold_every_s: seconds from line to line.
        max_hold_lines: per wait.
        tool_hold_after_s: seconds of a running tool until a line; None: it is said when it would
            be without the tool, and not at all when he has heard words since his turn ("Let me
            look."), or the tool has something said itself.
        apology: said when a turn is lost: it failed, or `give_up_after_s` are over.
        broke_off: said when an answer broke off after words.
        give_up_after_s: seconds that the caller waits at most, over turns that he interrupted, for
            an answer or an apology. Tools and what he says at length do not count. Also how long an
            answer may stall behind words, if the LLM has no clock for that (ours has `stall_s`).
        max_apologies: in a row; with the next lost turn it is given up.
        on_give_up: called with a `GiveUp` then, to hand the caller over. By default a sentence
            closes the conversation, and the session is closed. While it runs it is not called
            again.
        ask_again_every_s: seconds from one attempt to the next to answer after an apology without
            being asked, as long as the caller is silent; None for no attempt.

    Returns:
        Care: events, statistics, and `aclose()`.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is out of its range.
        OSError: a recording cannot be read.
        RuntimeError: the session's callers are kept informed already.
    """
    if not isinstance(session, AgentSession):
        raise TypeError(f"session must be an AgentSession, got {type(session).__name__}")
    arguments = Arguments(
        hold_lines=hold_lines,
        hold_after_s=hold_after_s,
        hold_every_s=hold_every_s,
        max_hold_lines=max_hold_lines,
        tool_hold_after_s=tool_hold_after_s,
        apology=apology,
        broke_off=broke_off,
        give_up_after_s=give_up_after_s,
        max_apologies=max_apologies,
        on_give_up=on_give_up,
        ask_again_every_s=ask_again_every_s,
    )
    if session in _ATTENDED:
        raise RuntimeError("the callers of this session are kept informed already; aclose() that")
    _ATTENDED.add(session)
    return Care(session, arguments)
