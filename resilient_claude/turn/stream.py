"""One turn as livekit sees it: a stream of chunks that ends, fails or is cancelled."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from livekit.agents import llm
from livekit.agents.llm import ChatContext, Tool
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import aio

from resilient_claude.failures.failure import Failure
from resilient_claude.failures.faults import Fault
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.policy.retry import AttemptFailed
from resilient_claude.request.request import Request
from resilient_claude.response.outcomes import Outcome
from resilient_claude.telemetry.record import TurnRecord
from resilient_claude.telemetry.reporter import Reporter

from .livekit_internals import (
    as_asked,
    channel_of,
    once,
    report_recoverable,
    speech_of_this_task,
    task_of,
)
from .output import Output
from .parts import Parts
from .pricing import prices_of
from .requests import TurnRequests
from .settings import TurnSettings
from .speculation import Speculation

ABORT_S = 1.0
"""How long closing the adapter waits for a turn to end, in seconds."""


class ResilientClaudeStream(llm.LLMStream):
    """One turn. Made by `ResilientClaudeLLM.chat`; livekit runs it."""

    def __init__(
        self,
        claude: llm.LLM[Any],
        request: Request | Fault,
        settings: TurnSettings,
        *,
        requests: TurnRequests,
        chat_ctx: ChatContext,
        tools: list[Tool],
        conn_options: APIConnectOptions,
        logger: Any,
        emit: Callable[[str, Any], None],
    ) -> None:
        model = requests.model
        asked = model if isinstance(request, Fault) else request.asked
        super().__init__(
            as_asked(claude, asked.id),
            chat_ctx=chat_ctx,
            tools=tools,
            conn_options=once(conn_options),
        )
        self._output = Output(channel_of(self))
        task_of(self).add_done_callback(lambda _: self._output.chunks.close())
        self._now = asyncio.get_running_loop().time
        self._speculation = Speculation(speech_of_this_task())
        self._record = TurnRecord(
            turn_id=f"turn_{secrets.token_hex(6)}",
            model=asked.id,
            provider=settings.target.provider,
            started=self._now(),
            prices=prices_of(asked, settings.prices),
        )
        self._reporter = Reporter(self._record, logger=logger, emit=emit)
        self._parts = Parts(
            _limited(settings, request, conn_options),
            request,
            self._record,
            deliver=self._deliver,
            on_retry=self._report_retry,
            requests=requests,
            on_thinking=self._report_thinking,
            speculation=self._speculation,
            follows_tool=_follows_tool(chat_ctx),
        )

    async def abort(self) -> None:
        """For `aclose()` of the adapter: end the turn now with an error."""
        self._parts.abort()
        await asyncio.wait([task_of(self)], timeout=ABORT_S)

    async def aclose(self) -> None:
        """Cancel the turn, as on a barge-in; does nothing to one that has ended."""
        await super().aclose()
        self._output.clear()  # what was not read by now is of no interest any more
        self._end()  # if it was cancelled before it began, `_run` never ran

    async def __anext__(self) -> llm.ChatChunk:
        """The next chunk.

        Raises:
            StopAsyncIteration: the turn has ended.
            livekit.agents.APIError: the turn has failed.
        """
        try:
            return await self._output.chunks.recv()
        except aio.ChanClosed:
            task = task_of(self)
            if not task.cancelled() and (error := task.exception()):
                raise error from error.__cause__
            raise StopAsyncIteration from None

    async def _run(self) -> None:
        record, parts = self._record, self._parts
        try:
            outcome = await parts.play()
        except asyncio.CancelledError:
            record.part_ended(parts.translator)
            self._output.end(record.last_chunk("cancelled"))
            self._end()
            raise
        except AttemptFailed as failed:
            self._record_failure(failed, wait_s=None)
            record.part_ended(parts.translator)
            if record.heard or record.wasted_tokens:
                self._output.end(record.last_chunk("failed"))
            self._end(failure=failed.failure)
            raise self._reporter.error() from failed.error
        self._output.end(record.last_chunk(outcome.value))
        self._end(outcome=outcome)

    def _end(self, *, outcome: Outcome | None = None, failure: Failure | None = None) -> None:
        """The turn has ended, once: with an *outcome*, with a *failure*, or else cancelled."""
        if self._record.ended is None:
            speculative = self._speculation.is_open
            self._record.end(self._now(), outcome=outcome, failure=failure, speculative=speculative)
            self._reporter.turn_ended()

    def _deliver(self, chunks: list[llm.ChatChunk]) -> None:
        for chunk in chunks:
            if chunk.delta is not None and chunk.delta.extra:  # a note that is not spoken
                self._reporter.progress(chunk.delta.extra["claude"]["progress"])
                self._output.tell(chunk)
                continue
            self._record.handed_on(chunk, self._now())
            self._output.send(chunk)

    def _record_failure(self, failed: AttemptFailed, *, wait_s: float | None) -> None:
        """An attempt failed; another follows after *wait_s* seconds, if at all."""
        attempt = self._record.attempt_failed(
            failed.failure,
            self._parts.translator,
            now=self._now(),
            wait_s=wait_s,
            speculative=self._speculation.is_open,
        )
        self._reporter.attempt_failed(attempt)

    def _report_retry(self, failed: AttemptFailed, wait_s: float) -> None:
        self._record_failure(failed, wait_s=wait_s)
        summary = f"attempt {self._record.attempts} failed, the next follows in {wait_s:.2f} s"
        report_recoverable(self, to_api_error(failed.failure, summary=summary))

    def _report_thinking(self) -> None:
        self._reporter.thinking(self._now())


def _limited(
    settings: TurnSettings, request: Request | Fault, conn_options: APIConnectOptions
) -> TurnSettings:
    """*settings*, with what this call's own time-out and *conn_options* allow at most."""
    timeout_s = None if isinstance(request, Fault) else request.timeout_s
    if conn_options is DEFAULT_API_CONNECT_OPTIONS:
        return settings if timeout_s is None else replace(settings, attempt_s=timeout_s)
    seconds_allowed = (conn_options.timeout, timeout_s)
    limits = [s for s in seconds_allowed if s is not None and 0 < s < inf]
    policy = settings.policy.capped(conn_options.max_retry + 1)
    return replace(settings, policy=policy, attempt_s=min(limits, default=None))


def _follows_tool(chat_ctx: ChatContext) -> bool:
    """Whether the last that happened is the result of a tool.

    In the request, what a tool said or asked while it ran stands behind its result; in the history
    it stands before.
    """
    for item in reversed(chat_ctx.items):
        if item.type == "function_call_output":
            return True
        if item.type == "function_call" or (item.type == "message" and item.role in _SPEAKERS):
            return False
    return False


_SPEAKERS = ("user", "assistant")
