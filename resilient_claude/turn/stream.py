"""One turn: attempts until one succeeds, continuations until the answer is whole.

A turn is made of parts. Most turns have one. Another follows when server tools paused the answer
(`pause_turn`) or when it broke off and is resumed. Each part has its own request and attempts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from livekit.agents import llm
from livekit.agents.llm import ChatContext, Tool
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import aio

from resilient_claude.failures.causes import relink
from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault, malformed
from resilient_claude.failures.livekit_errors import scrub, to_api_error
from resilient_claude.failures.redaction import texts_in
from resilient_claude.policy.retry import (
    AttemptFailed,
    RetryPolicy,
    attempts,
    last_start,
    response_clock_s,
    wait_before,
)
from resilient_claude.request.continuation import continued, resumed
from resilient_claude.request.request import Request
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.sse import Event
from resilient_claude.response.text_filters import AfterPrefill, Join, TextFilter, ThinkingTags
from resilient_claude.response.translator import Translator
from resilient_claude.telemetry.record import Turn
from resilient_claude.telemetry.reporter import Reports
from resilient_claude.transport.clients import fresh_connections, is_observed
from resilient_claude.transport.exchange import Exchange, open_exchange

from .clocks import Clocks
from .output import Output

if TYPE_CHECKING:
    from resilient_claude.llm import ResilientClaudeLLM

ABORT_S = 1.0
"""How long closing the adapter waits for a turn to end, in seconds."""

MAX_PAUSES = 5
"""How often a turn that server tools paused is continued."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One request of a turn."""

    request: Request
    resumed: bool = False
    pauses: int = 0


class ResilientClaudeStream(llm.LLMStream):
    """One turn. Made by `ResilientClaudeLLM.chat`; livekit runs it."""

    def __init__(
        self,
        claude: ResilientClaudeLLM,
        request: Request,
        *,
        chat_ctx: ChatContext,
        tools: list[Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        # The framework would call `_run` again after every failure; retrying is done here.
        super().__init__(
            claude,
            chat_ctx=chat_ctx,
            tools=tools,
            conn_options=_ONCE
            if conn_options is DEFAULT_API_CONNECT_OPTIONS
            else replace(conn_options, max_retry=0),
        )
        self._output = Output(self._event_ch)
        self._task.add_done_callback(lambda _: self._output.chunks.close())
        self._claude = claude
        self._request = request
        self._client = claude.client
        self._observed = is_observed(claude.client)
        self._policy, self._attempt_s = _limits(claude.retry, request, conn_options)
        self._loop = asyncio.get_running_loop()
        self._turn = Turn(self._loop.time())
        self._reports = Reports(claude, self._turn, now=self._loop.time)
        self._translator = Translator()
        self._clocks: Clocks | None = None
        self._aborted = asyncio.Event()

    async def abort(self) -> None:
        """For `aclose()` of the adapter: end the turn now with an error."""
        self._aborted.set()
        if self._clocks is not None:
            self._clocks.abort()
        await asyncio.wait([self._task], timeout=ABORT_S)

    async def aclose(self) -> None:
        """Cancel the turn, as on a barge-in; does nothing to one that has ended."""
        await super().aclose()
        self._output.clear()  # what was not read by now is of no interest any more
        self._reports.cancelled()  # if it was cancelled before it began, `_run` never ran

    async def __anext__(self) -> llm.ChatChunk:
        """The next chunk.

        Raises:
            StopAsyncIteration: the turn has ended.
            livekit.agents.APIError: the turn has failed.
        """
        try:
            return await self._output.chunks.recv()
        except aio.ChanClosed:
            if not self._task.cancelled() and (error := self._task.exception()):
                raise error from error.__cause__
            raise StopAsyncIteration from None

    async def _run(self) -> None:
        turn = self._turn
        try:
            outcome = await self._play()
        except asyncio.CancelledError:
            turn.part_ended(self._translator)
            self._output.end(turn.last_chunk("cancelled"))
            self._reports.cancelled()
            raise
        except AttemptFailed as failed:
            turn.attempt_failed(failed.failure, self._translator)
            self._reports.attempt_failed(failed.failure, wait_s=None)
            turn.part_ended(self._translator)
            if turn.heard:
                self._output.end(turn.last_chunk("failed"))
            raise self._reports.failed(failed.failure) from failed.error
        self._output.end(turn.last_chunk(outcome.value))
        self._reports.succeeded(outcome)

    # --- parts --------------------------------------------------------------------------------

    async def _play(self) -> Outcome:
        """All parts of the turn.

        Raises:
            AttemptFailed: the turn failed.
        """
        part = _Part(self._request)
        while True:
            try:
                outcome = await self._play_part(part)
            except AttemptFailed as failed:
                wait_s = self._resume_wait_s(failed)
                if wait_s is None:
                    raise
                part = await self._resume(failed, wait_s)
                continue
            if outcome is not Outcome.PAUSE_TURN or part.pauses == MAX_PAUSES:
                self._turn.part_ended(self._translator)
                # A continuation with nothing to add completes what was said.
                nothing_to_add = outcome is Outcome.EMPTY and self._turn.said
                return Outcome.COMPLETE if nothing_to_add else outcome
            part = self._continue(part)

    def _continue(self, part: _Part) -> _Part:
        """The part after one that server tools paused: what Claude did so far is sent back."""
        paused = self._translator
        request = continued(part.request, paused.content(), container=paused.container)
        self._turn.part_ended(paused)
        # It made progress until now: the caller's silence is not that of a Claude who is lost.
        self._turn.silent_since = self._loop.time()
        return _Part(request, pauses=part.pauses + 1)

    def _resume_wait_s(self, failed: AttemptFailed) -> float | None:
        """Seconds to wait before the answer is resumed; None if it may not be."""
        policy, turn, broken = self._policy, self._turn, self._translator
        if policy.on_interruption != "resume" or turn.resumed or not failed.failure.retryable:
            return None
        if not broken.text_chars or broken.tool_block_began:
            return None
        remaining_s = last_start(policy, since=turn.silent_since) - self._loop.time()
        wait_s = wait_before(
            2, policy, failed.failure, remaining_s=remaining_s, random=random.random
        )
        return wait_s if wait_s < remaining_s else None

    async def _resume(self, failed: AttemptFailed, wait_s: float) -> _Part:
        """The part that goes on from what was said."""
        turn = self._turn
        turn.resumed = True
        self._report_retry(failed, wait_s)
        turn.part_ended(self._translator)
        self._translator = Translator()
        await self._sleep(wait_s)
        said = "".join(turn.said)
        request = resumed(self._request, said, instruction=self._policy.resume_instruction)
        return _Part(request, resumed=True)

    # --- attempts -----------------------------------------------------------------------------

    async def _play_part(self, part: _Part) -> Outcome:
        """One part of the turn, tried until it succeeds or may not be tried again.

        Raises:
            AttemptFailed: the last attempt's failure.
        """
        policy, silent_since = self._policy_of(part), self._turn.silent_since
        try:
            return await self._try_once(part, self._start_clocks(1, policy, silent_since))
        except AttemptFailed as exc:
            first = [exc]  # popped below: a frame that holds what it raised is hard to get rid of
        # Most turns have no second attempt, so nothing of tenacity's is built before a failure.
        async for attempt in attempts(
            policy,
            silent_since=silent_since,
            now=self._loop.time,
            random=random.random,
            sleep=self._sleep,
            before_wait=self._report_retry,
        ):
            with attempt:
                number = attempt.retry_state.attempt_number
                if number == 1:
                    raise first.pop()
                return await self._try_once(part, self._start_clocks(number, policy, silent_since))
        raise AssertionError("tenacity ends with a result or an exception")

    def _start_clocks(self, number: int, policy: RetryPolicy, silent_since: float) -> Clocks:
        """The clocks of attempt *number*, which begins now."""
        deadline = silent_since + policy.max_silence_s
        remaining_s = deadline - self._loop.time()
        self._clocks = Clocks(
            Evidence(private=self._private_texts),
            self._claude.timeouts,
            response_s=response_clock_s(number, policy, self._claude.timeouts, remaining_s),
            silence_deadline=deadline,
            max_silence_s=policy.max_silence_s,
            attempt_s=self._attempt_s,
            observed=self._observed,
        )
        return self._clocks

    async def _sleep(self, seconds: float) -> None:
        """Wait, unless the adapter is closed: then the next attempt fails at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._aborted.wait()

    def _policy_of(self, part: _Part) -> RetryPolicy:
        if not self._turn.failed_attempts and not part.resumed:
            return self._policy  # as in most turns: nothing to validate again
        left = self._policy.max_attempts - self._turn.failed_attempts
        return replace(self._policy, max_attempts=1 if part.resumed else max(1, left))

    async def _try_once(self, part: _Part, clocks: Clocks) -> Outcome:
        """One attempt, which shares nothing with the one before.

        Raises:
            AttemptFailed: it failed, whatever the reason.
        """
        self._turn.attempts += 1
        self._translator = Translator(filters=self._filters(part))
        try:
            async with clocks, AsyncExitStack() as stack:
                self._client = await self._claude.prepare()
                exchange = await open_exchange(
                    self._client,
                    part.request,
                    clocks.evidence,
                    stack,
                    connect_s=self._claude.timeouts.connect_s,
                )
                clocks.evidence.request_id = exchange.request_id
                return await self._listen(part, exchange, clocks)
        except Exception as exc:  # the one place where any exception gets a name
            raise await self._name(exc, clocks) from exc

    def _filters(self, part: _Part) -> list[TextFilter]:
        filters: list[TextFilter] = [ThinkingTags()] if self._claude.filter_thinking else []
        if not part.resumed:
            return filters
        prefilled = part.request.body["messages"][-1]["role"] == "assistant"
        return [*filters, (AfterPrefill if prefilled else Join)("".join(self._turn.said))]

    async def _listen(self, part: _Part, exchange: Exchange, clocks: Clocks) -> Outcome:
        translator, seen = self._translator, 0
        empty = True
        while not translator.finished:
            events = await exchange.read()
            if events is None:
                break
            empty = False
            self._feed(events)
            if translator.progress != seen:
                seen = translator.progress
                clocks.progressed(translator.activity)
        if empty:
            raise malformed(
                f"HTTP 200 with content type {exchange.content_type or 'unknown'}, and no event"
            )
        outcome, chunks = translator.finish(
            may_be_empty=part.resumed or _ends_with_tool_result(part.request),
            may_pause=part.pauses < MAX_PAUSES,
        )
        clocks.stop()
        calls = [call for chunk in chunks if chunk.delta for call in chunk.delta.tool_calls]
        if calls and (thinking := translator.leading_thinking):
            # livekit keeps this with the call, and the API wants it back with the tool's result;
            # it is of use only to this model and after this prefix.
            record = {"model": self._claude.model, "thinking": thinking}
            calls[0].extra = {"claude": {**record, "prefix": part.request.prefix()}}
        self._send(chunks)
        await exchange.drain()
        return outcome

    def _feed(self, events: list[Event]) -> None:
        translator = self._translator
        try:
            self._send(translator.feed(events))
        except Fault:
            # Text that came together with the fault goes on to a caller who heard what came
            # before it; otherwise it is dropped, and the next attempt starts clean.
            if translator.output_started:
                self._send(translator.take_text())
            raise

    def _send(self, chunks: list[llm.ChatChunk]) -> None:
        for chunk in chunks:
            self._turn.handed_on(chunk, self._loop.time())
            self._output.send(chunk)

    # --- failures -----------------------------------------------------------------------------

    async def _name(self, exc: Exception, clocks: Clocks) -> AttemptFailed:
        """*exc* as a named failure; the connections it came over are not used again."""
        evidence = clocks.evidence
        evidence.https = self._client.base_url.scheme == "https"
        failure = classify(exc, evidence)
        relink(exc)
        scrub(exc, failure)
        if failure.retryable and failure.kind in _OF_THE_CONNECTION:
            await fresh_connections(self._client)
        heard = self._translator.output_started
        return AttemptFailed(failure, exc, retryable=failure.retryable and not heard)

    def _private_texts(self) -> Iterator[str]:
        """What must not appear in a message: the conversation, as it was sent and answered."""
        for name in _CREDENTIALS:  # which of them there are depends on the platform
            credential = getattr(self._client, name, None)
            if isinstance(credential, str):
                yield credential
        yield "".join(self._turn.said)
        yield from self._translator.texts()
        yield from texts_in([self._request.body.get(field) for field in _PRIVATE_FIELDS])

    def _report_retry(self, failed: AttemptFailed, wait_s: float) -> None:
        """An attempt failed and another follows after *wait_s* seconds."""
        self._turn.attempt_failed(failed.failure, self._translator)
        self._reports.attempt_failed(failed.failure, wait_s=wait_s)
        summary = f"attempt {self._turn.attempts} failed, the next follows in {wait_s:.2f} s"
        self._emit_error(to_api_error(failed.failure, summary=summary), recoverable=True)
        # livekit suppresses the metrics of a stream whose last attempt has an error.
        self._current_attempt_has_error = False


# After these, other connections of the same age are not to be trusted either.
_OF_THE_CONNECTION = (
    FailureKind.DNS,
    FailureKind.CONNECT,
    FailureKind.TLS,
    FailureKind.RESET,
    FailureKind.TIMEOUT,
    FailureKind.STALL,
    FailureKind.TRUNCATED,
    FailureKind.MALFORMED,
)

_ONCE = replace(DEFAULT_API_CONNECT_OPTIONS, max_retry=0)

_CREDENTIALS = ("api_key", "auth_token", "access_token", "aws_secret_key", "aws_session_token")
_PRIVATE_FIELDS = ("messages", "system", "metadata")


def _limits(
    policy: RetryPolicy, request: Request, conn_options: APIConnectOptions
) -> tuple[RetryPolicy, float | None]:
    """The policy of one turn, and how long each of its attempts may wait for content."""
    if conn_options is DEFAULT_API_CONNECT_OPTIONS:
        return policy, request.timeout_s
    capped = min(policy.max_attempts, conn_options.max_retry + 1)
    given = (conn_options.timeout, request.timeout_s)
    limits = [seconds for seconds in given if seconds is not None and 0 < seconds < inf]
    return replace(policy, max_attempts=capped), min(limits, default=None)


def _ends_with_tool_result(request: Request) -> bool:
    content = request.body["messages"][-1]["content"]
    return isinstance(content, list) and any(
        isinstance(block, dict) and block.get("type") == "tool_result" for block in content
    )
