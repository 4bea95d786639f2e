"""One turn: attempts until one succeeds, continuations until the answer is whole, and reports.

A turn is made of parts. Most turns have one. Another follows when server tools paused the answer
(`pause_turn`) or when it broke off and is resumed. Each part has its own request and attempts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, NoReturn

from livekit.agents import llm
from livekit.agents.llm import ChatContext, Tool
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from opentelemetry import trace

from .causes import relink
from .classify import classify
from .errors import scrub, to_api_error
from .failures import Evidence, Failure, FailureKind, StreamFault
from .log import CallLog
from .request import Request, continued, resumed
from .retry import AttemptFailed, RetryPolicy, attempts, response_clock_s, wait_before
from .speech import Join, TextFilter, ThinkingTags
from .sse import Event
from .translate import Outcome, Translator, Usage
from .transport import Clocks, Exchange, fresh_connections, is_observed, open_exchange

if TYPE_CHECKING:
    from .llm import ResilientClaudeLLM

MAX_PAUSES = 5
"""How often a turn that server tools paused is continued."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """What the event `claude_turn_ended` tells about a turn, however it ended.

    Attributes:
        outcome: how the answer ended; None when the turn failed or was cancelled.
        stop_reason: the API's own word for it.
        failure: what ended the turn, if it failed.
        cancelled: whether the application cancelled it, as on a barge-in.
        attempts: HTTP requests made.
        text_chars: characters handed on.
        tool_calls: tool calls handed on.
        silence_s: seconds from `chat()` to the first chunk; None if there was none.
        elapsed_s: seconds from `chat()` to the end.
        usage: tokens of the attempts of which something was handed on, and of the one under way
            when the turn was cancelled.
        wasted_tokens: tokens of failed attempts of which nothing was handed on; billed all the
            same.
    """

    outcome: Outcome | None
    stop_reason: str | None
    failure: Failure | None
    cancelled: bool
    attempts: int
    text_chars: int
    tool_calls: int
    silence_s: float | None
    elapsed_s: float
    usage: llm.CompletionUsage
    wasted_tokens: int


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
            conn_options=replace(conn_options, max_retry=0),
        )
        self._claude = claude
        self._request = request
        self._policy, self._attempt_s = _limits(claude.retry, request, conn_options)
        self._call_log = CallLog(claude._log, model=claude.model, provider=claude.provider)
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._first_heard: float | None = None
        self._last_heard = self._started
        self._attempts = 0
        self._last_failure: Failure | None = None
        self._resumed = False
        # The parts before this one, and this one's attempt.
        self._said: list[str] = []
        self._tool_calls = 0
        self._usage = Usage()
        self._message_id = ""
        self._stop_reason: str | None = None
        self._wasted_tokens = 0
        self._translator = Translator()
        self._clocks: Clocks | None = None

    def abort(self) -> None:
        """End the turn now with an error: the adapter is being closed."""
        if self._clocks is not None:
            self._clocks.abort()

    async def _run(self) -> None:
        try:
            outcome = await self._turn()
        except asyncio.CancelledError:
            self._part_ended()
            self._send_usage({"outcome": "cancelled", "stop_reason": self._stop_reason})
            self._tell(None, None, cancelled=True)
            raise
        except AttemptFailed as failed:
            self._fail(failed)
        self._succeed(outcome)

    async def _turn(self) -> Outcome:
        """All parts of the turn.

        Raises:
            AttemptFailed: the turn failed.
        """
        part = _Part(self._request, self._policy)
        while True:
            try:
                outcome = await self._play(part)
            except AttemptFailed as failed:
                if not self._may_resume(failed):
                    raise
                part = await self._resume(failed)
                continue
            if outcome is not Outcome.PAUSE_TURN or part.pauses == MAX_PAUSES:
                self._part_ended()
                # A continuation with nothing to add completes what was said.
                nothing_to_add = outcome is Outcome.EMPTY and self._said
                return Outcome.COMPLETE if nothing_to_add else outcome
            part = self._continue(part)

    async def _play(self, part: _Part) -> Outcome:
        """One part of the turn, tried until it succeeds or may not be tried again.

        Raises:
            AttemptFailed: the last attempt's failure.
        """
        # The caller's silence begins with the turn, and anew with every word.
        policy = part.policy
        deadline = self._last_heard + policy.max_silence_s
        async for attempt in attempts(
            policy,
            deadline=deadline,
            now=self._loop.time,
            random=random.random,
            sleep=asyncio.sleep,
            before_wait=self._report_retry,
        ):
            with attempt:
                number = attempt.retry_state.attempt_number
                remaining_s = deadline - self._loop.time()
                self._clocks = clocks = Clocks(
                    self._claude.timeouts,
                    response_s=response_clock_s(number, policy, self._claude.timeouts, remaining_s),
                    silence_deadline=deadline,
                    max_silence_s=policy.max_silence_s,
                    attempt_s=self._attempt_s,
                    observed=is_observed(self._claude.client),
                )
                return await self._try_once(part, clocks)
        raise AssertionError("tenacity ends with a result or an exception")

    async def _try_once(self, part: _Part, clocks: Clocks) -> Outcome:
        """One attempt, which shares nothing with the one before.

        Raises:
            AttemptFailed: it failed, whatever the reason.
        """
        self._attempts += 1
        self._translator = Translator(model=self._claude.model, filters=self._filters(part))
        exchange: Exchange | None = None
        try:
            async with clocks, AsyncExitStack() as stack:
                await self._claude.prepare()
                exchange = await open_exchange(self._claude.client, part.request, clocks, stack)
                return await self._listen(part, exchange, clocks)
        except Exception as exc:
            raise await self._name(exc, clocks, exchange) from exc

    def _filters(self, part: _Part) -> list[TextFilter]:
        filters: list[TextFilter] = [ThinkingTags()] if self._claude.filter_thinking else []
        return [*filters, Join("".join(self._said))] if part.resumed else filters

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
            raise StreamFault(
                FailureKind.MALFORMED,
                f"HTTP 200 with content type {exchange.content_type or 'unknown'}, and no event",
                retryable=True,
            )
        outcome, chunks = translator.finish(
            may_be_empty=part.resumed or _ends_with_tool_result(part.request),
            may_pause=part.pauses < MAX_PAUSES,
        )
        clocks.stop()
        for call in (call for chunk in chunks if chunk.delta for call in chunk.delta.tool_calls):
            if call.extra is not None:  # signed thinking, which is of use only after this prefix
                call.extra["claude"]["prefix"] = part.request.prefix()
        self._send(chunks)
        await exchange.drain()
        return outcome

    def _feed(self, events: list[Event]) -> None:
        translator = self._translator
        try:
            self._send(translator.feed(events))
        except StreamFault:
            # Text that came together with the fault goes on to a caller who heard what came
            # before it; otherwise it is dropped, and the next attempt starts clean.
            if translator.output_started:
                self._send(translator.take_text())
            raise

    def _send(self, chunks: list[llm.ChatChunk]) -> None:
        for chunk in chunks:
            self._last_heard = self._loop.time()
            if self._first_heard is None:
                self._first_heard = self._last_heard
            if chunk.delta is not None and chunk.delta.content:
                self._said.append(chunk.delta.content)
            self._event_ch.send_nowait(chunk)

    async def _name(
        self, exc: Exception, clocks: Clocks, exchange: Exchange | None
    ) -> AttemptFailed:
        """*exc* as a named failure; the connections it came over are not used again."""
        evidence = Evidence(
            phase=clocks.phase,
            https=self._claude.client.base_url.scheme == "https",
            request_id=exchange.request_id if exchange is not None else None,
            private=self._private_texts,
        )
        failure = classify(exc, evidence)
        relink(exc)
        scrub(exc, failure)
        if failure.retryable and failure.kind in _OF_THE_CONNECTION:
            await fresh_connections(self._claude.client)
        heard = self._translator.output_started
        return AttemptFailed(failure, exc, retryable=failure.retryable and not heard)

    def _private_texts(self) -> Iterator[str]:
        """What must not appear in a message: the conversation, as it was sent and answered."""
        key = self._claude.client.api_key
        if key:
            yield key
        yield "".join(self._said)
        yield from _texts((self._request.body.get("messages"), self._request.body.get("system")))

    # --- parts --------------------------------------------------------------------------------

    def _part_ended(self) -> None:
        """What this part's last attempt delivered is the caller's now."""
        self._usage.add(self._translator.usage)
        self._message_id = self._translator.message_id or self._message_id
        self._stop_reason = self._translator.stop_reason
        self._tool_calls += self._translator.tool_calls
        self._translator = Translator()

    def _continue(self, part: _Part) -> _Part:
        """The part after one that server tools paused: what Claude did so far is sent back."""
        request = continued(
            part.request, self._translator.content(), container=self._translator.container
        )
        self._part_ended()
        return _Part(request, self._policy, pauses=part.pauses + 1)

    def _may_resume(self, failed: AttemptFailed) -> bool:
        return (
            self._policy.on_interruption == "resume"
            and failed.failure.retryable
            and not self._resumed
            and self._translator.text_chars > 0
            and not self._translator.tool_block_began
        )

    async def _resume(self, failed: AttemptFailed) -> _Part:
        """The part that goes on from what was said, after a short wait."""
        wait_s = wait_before(
            2,
            self._policy,
            failed.failure,
            remaining_s=self._policy.max_silence_s,
            random=random.random,
        )
        self._resumed = True
        self._report_retry(failed, wait_s)
        self._part_ended()
        await asyncio.sleep(wait_s)
        return _Part(
            resumed(
                self._request, "".join(self._said), instruction=self._policy.resume_instruction
            ),
            replace(self._policy, max_attempts=1),
            resumed=True,
        )

    # --- reports ------------------------------------------------------------------------------

    def _elapsed_s(self) -> float:
        return self._loop.time() - self._started

    def _report_retry(self, failed: AttemptFailed, wait_s: float) -> None:
        self._report_attempt(failed, wait_s)
        summary = f"attempt {self._attempts} failed, the next follows in {wait_s:.2f} s"
        error = to_api_error(failed.failure, summary=summary)
        self._emit_error(error, recoverable=True)
        # livekit suppresses the metrics of a stream whose last attempt has an error.
        self._current_attempt_has_error = False

    def _report_attempt(self, failed: AttemptFailed, wait_s: float | None) -> None:
        self._last_failure = failed.failure
        if not self._translator.output_started:
            self._wasted_tokens += self._translator.usage.total_tokens
            self._translator.usage = Usage()
        fields = self._call_log.attempt_failed(
            failed.failure, attempt=self._attempts, elapsed_s=self._elapsed_s(), wait_s=wait_s
        )
        known = {name: value for name, value in fields.items() if value is not None}
        trace.get_current_span().add_event("claude.attempt_failed", known)

    def _fail(self, failed: AttemptFailed) -> NoReturn:
        self._report_attempt(failed, None)
        self._part_ended()
        text_chars = sum(map(len, self._said))
        times = "1 attempt" if self._attempts == 1 else f"{self._attempts} attempts"
        elapsed_s = self._elapsed_s()
        heard = text_chars > 0 or self._tool_calls > 0
        if heard:
            self._call_log.call_interrupted(
                failed.failure,
                attempts=self._attempts,
                text_chars=text_chars,
                tool_calls=self._tool_calls,
                elapsed_s=elapsed_s,
                wasted_tokens=self._wasted_tokens,
            )
            summary = (
                f"the answer broke off after {text_chars} characters and "
                f"{self._tool_calls} tool calls ({times}, {elapsed_s:.1f} s)"
            )
        else:
            self._call_log.call_failed(
                failed.failure,
                attempts=self._attempts,
                elapsed_s=elapsed_s,
                wasted_tokens=self._wasted_tokens,
            )
            summary = f"no answer from Claude after {times} in {elapsed_s:.1f} s"
        if heard:
            self._send_usage({"outcome": "failed", "stop_reason": self._stop_reason})
        self._tell(None, failed.failure)
        error = to_api_error(failed.failure, summary=summary)
        error.retryable = error.retryable and not heard
        raise error from failed.error

    def _succeed(self, outcome: Outcome) -> None:
        extra = {"outcome": outcome.value, "stop_reason": self._stop_reason}
        self._send_usage(extra)
        if outcome not in (Outcome.COMPLETE, Outcome.STOP_SEQUENCE):
            self._call_log.outcome(
                outcome.value,
                stop_reason=self._stop_reason,
                text_chars=sum(map(len, self._said)),
            )
        if self._last_failure is not None:
            self._call_log.call_recovered(
                self._last_failure,
                attempts=self._attempts,
                resumed=self._resumed,
                elapsed_s=self._elapsed_s(),
                silence_s=(self._first_heard or self._loop.time()) - self._started,
                wasted_tokens=self._wasted_tokens,
            )
        self._tell(outcome, None)

    def _send_usage(self, extra: dict[str, str | None]) -> None:
        """Livekit's last chunk: the counts, and how the answer ended."""
        self._event_ch.send_nowait(
            llm.ChatChunk(
                id=self._message_id,
                delta=llm.ChoiceDelta(extra={"claude": extra}),
                usage=self._usage.to_livekit(),
            )
        )

    def _tell(
        self, outcome: Outcome | None, failure: Failure | None, *, cancelled: bool = False
    ) -> None:
        heard = self._first_heard
        ended = TurnEnded(
            outcome=outcome,
            stop_reason=self._stop_reason,
            failure=failure,
            cancelled=cancelled,
            attempts=self._attempts,
            text_chars=sum(map(len, self._said)),
            tool_calls=self._tool_calls,
            silence_s=None if heard is None else heard - self._started,
            elapsed_s=self._elapsed_s(),
            usage=self._usage.to_livekit(),
            wasted_tokens=self._wasted_tokens,
        )
        self._claude.emit("claude_turn_ended", ended)


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


@dataclass(frozen=True, slots=True)
class _Part:
    """One request of a turn, and how often it may be tried."""

    request: Request
    policy: RetryPolicy
    resumed: bool = False
    pauses: int = 0


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


def _texts(value: object) -> Iterator[str]:
    """Every string in a piece of a request."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("source", "signature", "data"):  # images and documents: not speech
                yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
