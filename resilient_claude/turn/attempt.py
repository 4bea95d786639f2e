"""One attempt: one request, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import chain

from livekit.agents import llm

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.faults import Fault, malformed
from resilient_claude.failures.kinds import FACTS
from resilient_claude.failures.naming import name_failure
from resilient_claude.failures.private import Private, private_texts
from resilient_claude.failures.statuses import api_error_of
from resilient_claude.policy.retry import AttemptFailed
from resilient_claude.request.container import container_extra
from resilient_claude.request.request import Request
from resilient_claude.request.server_answers import LONGEST_ANSWER, ServerAnswers
from resilient_claude.request.thinking import ThinkingRecord
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.sse import Event
from resilient_claude.response.text_filters import TextFilter
from resilient_claude.response.translator import Activity, Translator
from resilient_claude.response.whole_content import whole_content
from resilient_claude.transport.exchange import Exchange
from resilient_claude.transport.sdk import credentials_of
from resilient_claude.transport.target import Target

from .clocks import Clocks

_SHOWS_LIFE = (Activity.THINKING, Activity.WORKING)

Deliver = Callable[[list[llm.ChatChunk]], None]
"""Hands chunks on to the caller."""


class Attempt:
    """One request and what became of it.

    Everything that it works with is its own: evidence, clocks, exchange, translator. So nothing of
    it reaches the next attempt, and two can run at the same time without knowing of each other.

    Args:
        target: who is asked.
        request: what is asked.
        clocks: watch it; its evidence is theirs.
        filters: what the text passes through on its way out.
        said: what the caller has heard of the turn, in pieces, kept up to date; no message may
            repeat it.
        follows: the end of that, if the answer is to be set apart from it.
        answers: keep what tools did at Anthropic's before it called a tool of ours.
        deliver: gets the chunks as they come.
        connect_s: the clock for connecting, for clients with a transport of their own, seconds.

    Attributes:
        translator: what has come of the answer.
        error: what the API said instead, in its own words. They may quote the conversation: nobody
            is shown them.
    """

    def __init__(
        self,
        target: Target,
        request: Request,
        clocks: Clocks,
        *,
        filters: Sequence[TextFilter] = (),
        said: Sequence[str] = (),
        follows: str = "",
        answers: ServerAnswers | None = None,
        deliver: Deliver,
        connect_s: float,
    ) -> None:
        self.translator = Translator(filters=filters, notes=request.notes, follows=follows)
        self.error = ApiError()
        self._target = target
        self._client = target.client
        self._request = request
        self._clocks = clocks
        self._evidence: Evidence = clocks.evidence
        self._evidence.https = target.https
        self._said = said
        self._begins_at = len(said)  # where in it this answer begins
        self._answers = answers
        self._deliver = deliver
        self._connect_s = connect_s

    @property
    def has_acted(self) -> bool:
        """Whether a server was called that may have done something, which must not be done twice.

        The API calls it by itself, as soon as Claude has written the call.
        """
        return not self.translator.called_servers.issubset(self._request.repeatable)

    async def play(self, *, may_be_empty: bool, may_pause: bool) -> Outcome:
        """Send the request and hand the answer on.

        Args:
            may_be_empty: see `Translator.finish`.
            may_pause: likewise.

        Raises:
            AttemptFailed: whatever went wrong, named.
        """
        try:
            async with self._clocks, AsyncExitStack() as stack:
                self._client = await self._target.client_for_attempt()
                exchange = await self._target.open_exchange(
                    self._client, self._request, self._evidence, stack, connect_s=self._connect_s
                )
                await self._listen(exchange)
                return await self._finish(exchange, may_be_empty=may_be_empty, may_pause=may_pause)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it gets a name
            failed = await self._failed_with(exc)
        # Out here, what it was is not the context of what is raised.
        raise failed from failed.error

    def abort(self) -> None:
        """End it now with a failure that is not retried, unless the answer is whole."""
        self._clocks.abort()

    async def _listen(self, exchange: Exchange) -> None:
        """Hand on what comes until the message, or the body, has ended."""
        translator, seen, empty = self.translator, 0, True
        message = translator.message
        while not message.finished:
            events = await exchange.read()
            if events is None:
                break
            empty = empty and not events
            self._feed(events)
            activity = translator.activity
            # While Claude thinks, a ping is a sign of life; of speech, only words are.
            if message.progress != seen or (events and activity in _SHOWS_LIFE):
                seen = message.progress
                self._clocks.progressed(activity)
        if empty:
            raise malformed(
                f"HTTP 200 with content type {exchange.content_type or 'unknown'}, and no event"
            )

    def _feed(self, events: list[Event]) -> None:
        translator = self.translator
        try:
            chunks = translator.feed(events)
        except Fault:
            # Text that came together with the fault goes on to a caller who heard what came
            # before it; otherwise it is dropped, and the next attempt starts clean.
            if translator.output_started:
                self._deliver(translator.take_text())
            raise
        self._deliver(chunks)

    async def _finish(self, exchange: Exchange, *, may_be_empty: bool, may_pause: bool) -> Outcome:
        """Hand on what was kept until the answer was whole."""
        outcome, chunks = self.translator.finish(
            may_be_empty=may_be_empty,
            may_pause=may_pause,
            after_text=bool(self._said),
            clean_end=exchange.is_framed,
        )
        self._clocks.stop()
        calls = [call for chunk in chunks if chunk.delta for call in chunk.delta.tool_calls]
        if calls:
            self._keep_thinking(calls[0], chunks)
            self._name_as_called(calls)
        self._deliver(chunks)
        await exchange.drain()
        return outcome

    def _name_as_called(self, calls: list[llm.FunctionToolCall]) -> None:
        """Give the *calls* the names by which the agent knows its tools."""
        for call in calls:
            call.name, call.arguments = self._request.as_called(call.name, call.arguments)

    def _keep_thinking(self, first: llm.FunctionToolCall, last: list[llm.ChatChunk]) -> None:
        """Leave the signed thinking with the *first* call, now that the *last* chunks have come.

        livekit keeps it there, and the API wants it back with the call's result. What tools did at
        Anthropic's goes back as well, and is kept here.
        """
        message = self.translator.message
        content = self.translator.signed_content
        if not content and not message.has_server_work:
            return
        held = [chunk.delta.content or "" for chunk in last if chunk.delta is not None]
        prefix = self._request.prefix()
        if content:
            own = "".join([*self._said[self._begins_at :], *held])
            record = ThinkingRecord.of(self._request.model, content, said=own, prefix=prefix)
            first.extra = record.to_extra()
        if message.has_server_work and self._answers is not None:
            whole = whole_content(message.blocks.values(), longest=LONGEST_ANSWER)
            before = "".join(self._said[: self._begins_at])
            said = [*self._said, *held]
            self._answers.keep(first.call_id, self._request, whole, said, prefix, before=before)
        if message.container is not None:
            first.extra = {**(first.extra or {}), **container_extra(message.container)}

    async def _failed_with(self, exc: Exception) -> AttemptFailed:
        """*exc* as a named failure; the connections it came over are not used again."""
        self.error = api_error_of(exc)
        failure, shown = name_failure(exc, self._evidence, private=self._private)
        if failure.retryable and FACTS[failure.kind].of_connection:
            await self._target.retire_connections()
        is_safe = not self.translator.output_started and not self.has_acted
        retryable = failure.retryable and is_safe
        return AttemptFailed(failure, shown, retryable=retryable)

    def _private(self) -> Private:
        """What must not appear in a message: secrets, and the conversation as it was so far."""
        request = self._request
        sent = private_texts(request.body, request.headers, request.query).plus(
            secrets=credentials_of(self._client),
            speech=("".join(self._said), *self.translator.message.texts()),
        )
        if request.built is None or request.built is request.body:
            return sent
        mended = private_texts(request.built, {}, {})  # an attempt before may have sent more
        return Private(chain(sent.secrets, mended.secrets), chain(sent.speech, mended.speech))
