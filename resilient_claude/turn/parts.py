"""The parts of one turn, and the attempts that each of them takes.

A turn is made of parts. Most turns have one. Another follows when server tools paused the answer
(`pause_turn`) or when it broke off and is resumed. Each part has its own request and attempts.

Longer than other modules, because all that decides how a turn goes on (another attempt, a mended
request, a resumed answer, or none of them) is read in one place.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from resilient_claude.failures.causes import root_cause
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import ClockExpired, Fault
from resilient_claude.failures.kinds import FACTS
from resilient_claude.failures.naming import name_failure
from resilient_claude.failures.private import Private
from resilient_claude.policy.retry import AttemptFailed, Retries
from resilient_claude.policy.retry_policy import RetryPolicy
from resilient_claude.policy.waits import first_token_clock_s, last_start, resume_wait_s
from resilient_claude.request.continuation import continued, resumed
from resilient_claude.request.repairs.repair import Cause
from resilient_claude.request.request import Request
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.translator import Translator
from resilient_claude.telemetry.record import TurnRecord

from .attempt import Attempt, Deliver
from .clocks import Cap, Clocks, Mute
from .part import Part
from .preparing import prepared
from .requests import TurnRequests
from .settings import TurnSettings
from .speculation import Speculation


class Parts:
    """Plays the parts of one turn: each until an attempt succeeds, all until the answer is whole.

    Args:
        settings: of the turn.
        request: of the first part; a fault, if none could be built.
        record: of the turn; kept up to date.
        deliver: gets the chunks as they come.
        on_retry: told of every failed attempt that another follows, before the wait: the failure,
            and the wait in seconds.
        requests: makes another request of one that was rejected, or to which Claude thought and
            said nothing; at most once per turn and reason.
        speculation: whether the caller's turn may not be over yet.
        on_thinking: called once Claude has thought for a while without a word.
        follows_tool: whether the turn answers the result of a tool.
    """

    def __init__(
        self,
        settings: TurnSettings,
        request: Request | Fault,
        record: TurnRecord,
        *,
        deliver: Deliver,
        on_retry: Callable[[AttemptFailed, float], None],
        requests: TurnRequests,
        speculation: Speculation,
        on_thinking: Callable[[], None],
        follows_tool: bool = False,
    ) -> None:
        self._settings = settings
        self._request = request
        self._record = record
        self._deliver = deliver
        self._on_retry = on_retry
        self._requests = requests
        self._repairs: list[Cause] = []
        self._has_relieved = False
        self._speculation = speculation
        self._on_thinking = on_thinking
        self._follows_tool = follows_tool
        self._turn_deadline = record.started + settings.policy.max_turn_s
        self._loop = asyncio.get_running_loop()
        self._attempt: Attempt | None = None
        self._aborted = asyncio.Event()

    @property
    def translator(self) -> Translator:
        """That of the last attempt; one to which nothing has come where there is none."""
        return Translator() if self._attempt is None else self._attempt.translator

    def abort(self) -> None:
        """End the turn now with an error, unless its answer is whole."""
        self._aborted.set()
        if self._attempt is not None:
            self._attempt.abort()

    async def play(self) -> Outcome:
        """All parts of the turn.

        Raises:
            AttemptFailed: the turn failed.
        """
        request = self._request
        if isinstance(request, Request) and request.preparations:
            request = self._requests.finished(await prepared(request, self._aborted))
        if isinstance(request, Fault):
            raise _unsent(request)
        part = first = Part(request, follows_tool=self._follows_tool)
        while True:
            try:
                outcome = await self._play_part(part)
            except AttemptFailed as failed:
                wait_s = self._resume_wait_s(failed)
                if wait_s is None:
                    raise
                part = await self._resume(first, failed, wait_s)
                continue
            if outcome is not Outcome.PAUSE_TURN or not part.may_pause:
                self._record.part_ended(self.translator)
                # A continuation with nothing to add completes what was said.
                nothing_to_add = outcome is Outcome.EMPTY and self._record.said
                return Outcome.COMPLETE if nothing_to_add else outcome
            part = self._continue(part)

    # --- from part to part ------------------------------------------------------------------------

    def _continue(self, part: Part) -> Part:
        """The part after one that server tools paused: what Claude did so far is sent back."""
        paused = self.translator
        request = continued(part.request, paused.content(), container=paused.message.container)
        request = self._requests.as_taken(request)
        self._record.part_ended(paused)
        follows = self._record.said[-1][-1:] if self._record.said else ""
        # It made progress until now: the caller's silence is not that of a Claude who is lost.
        self._record.silent_since = self._loop.time()
        return part._replace(request=request, pauses=part.pauses + 1, follows=follows)

    def _resume_wait_s(self, failed: AttemptFailed) -> float | None:
        """Seconds to wait before the answer is resumed; None if it may not be."""
        policy, record, broken = self._settings.policy, self._record, self.translator
        has_acted = self._attempt is not None and self._attempt.has_acted
        if record.resumed or not broken.text_chars or has_acted:
            return None
        # After text, only the whole turn could tell what Claude had decided to do. A note is always
        # followed by a call: were that the end, most calls that break would end the turn.
        if broken.message.tool_block_began and not broken.has_spoken_notes:
            return None
        return resume_wait_s(
            policy,
            failed.failure,
            remaining_s=self._latest - self._loop.time(),
            random=random.random,
        )

    async def _resume(self, part: Part, failed: AttemptFailed, wait_s: float) -> Part:
        """The part that goes on from what was said."""
        record, owes_call = self._record, self.translator.message.tool_block_began
        record.resumed = True
        self._on_retry(failed, wait_s)
        record.part_ended(self.translator)
        self._attempt = None  # its part has ended: nothing of it is counted again
        await self._sleep(wait_s)
        instruction = self._settings.policy.resume_instruction
        request = resumed(part.request, "".join(record.said), instruction=instruction)
        return Part(self._requests.as_taken(request), resumed=True, owes_call=owes_call)

    # --- the attempts of a part -------------------------------------------------------------------

    async def _play_part(self, part: Part) -> Outcome:
        """One part of the turn, tried until it succeeds or may not be tried again.

        Raises:
            AttemptFailed: the last attempt's failure.
        """
        policy, silent_since = self._policy_of(part), self._record.silent_since
        retries: Retries | None = None  # made at the first failure
        timed_out, was_empty, number = 0, False, 1
        while True:
            self._record.attempts += 1
            self._attempt = self._make_attempt(part, number, policy, silent_since, timed_out)
            try:
                outcome = await self._attempt.play(
                    # The same empty answer twice is Claude's will, and no fault.
                    may_be_empty=part.may_be_empty or was_empty,
                    may_pause=part.may_pause,
                )
            except AttemptFailed as failed:
                mended = self._repaired(part, failed)  # which costs no attempt of the policy's
                if mended is None and number < policy.max_attempts:
                    mended = self._relieved(part, failed)
                    number += mended is not None
                if mended is not None:
                    part = mended
                    self._on_retry(failed, 0.0)
                    continue
                retries = retries or self._retries(policy, silent_since)
                wait_s, kind = retries.wait_after(failed), failed.failure.kind
                timed_out += kind is FailureKind.TIMEOUT
                was_empty = kind is FailureKind.EMPTY
                self._on_retry(failed, wait_s)
                if failed.failure.status == 500 and number > 1:
                    part = part._replace(request=self._requests.in_new_container(part.request))
            else:
                if part.request.cached_s is not None:
                    self._note_cache(part)
                return outcome
            number += 1
            await self._wait(wait_s, kind)

    def _retries(self, policy: RetryPolicy, silent_since: float) -> Retries:
        return Retries(
            policy,
            silent_since=silent_since,
            turn_deadline=self._turn_deadline,
            now=self._loop.time,
            random=random.random,
        )

    async def _wait(self, wait_s: float, kind: FailureKind) -> None:
        """Wait before another attempt, after a failure of a *kind*."""
        await self._sleep(wait_s)
        if FACTS[kind].throttled:
            # A sentence of four finals would multiply what a server sheds.
            left_s = self._latest - self._loop.time()
            await self._speculation.hold(self._aborted, at_most_s=left_s)

    def _note_cache(self, part: Part) -> None:
        miss = self._requests.answered(part.request, self.translator.message, self._loop.time())
        self._record.cache_miss = miss or self._record.cache_miss

    @property
    def _latest(self) -> float:
        """When the last attempt may start."""
        silent_since, policy = self._record.silent_since, self._settings.policy
        return last_start(policy, silent_since=silent_since, turn_deadline=self._turn_deadline)

    def _repaired(self, part: Part, failed: AttemptFailed) -> Part | None:
        """*part* with a request that may be taken, if this one was rejected for a known reason."""
        attempt = self._attempt
        if attempt is None or failed.failure.kind is not FailureKind.REJECTED:
            return None
        if attempt.translator.output_started or self._loop.time() >= self._latest:
            return None
        request = self._requests.repair(part.request, attempt.error, self._repairs)
        return None if request is None else part._replace(request=request)

    def _relieved(self, part: Part, failed: AttemptFailed) -> Part | None:
        """*part* with more room for the answer, if all there was has gone into thinking."""
        thought = self.translator
        in_vain = (
            thought.has_thought
            and not thought.output_started
            and not thought.message.tool_block_began
            and not thought.called_servers
        )
        if self._has_relieved or not in_vain or self._loop.time() >= self._latest:
            return None
        root = root_cause(failed.error)
        too_long = isinstance(root, ClockExpired) and root.clock == "max_thinking_s"
        if not too_long and thought.message.stop_reason != "max_tokens":
            return None
        self._has_relieved = True
        request = self._requests.less_thinking(part.request)
        return None if request is None else part._replace(request=request)

    def _policy_of(self, part: Part) -> RetryPolicy:
        policy, failed = self._settings.policy, len(self._record.failed) - len(self._repairs)
        if not failed and not part.resumed:
            return policy  # as in most turns: nothing to validate again
        return policy.capped(1 if part.resumed else policy.max_attempts - failed)

    def _make_attempt(
        self, part: Part, number: int, policy: RetryPolicy, silent_since: float, timed_out: int
    ) -> Attempt:
        """Attempt *number* of *part*, which begins now and shares nothing with those before it."""
        settings, now = self._settings, self._loop.time()
        deadline = silent_since + policy.max_silence_s
        first_token_s = first_token_clock_s(
            number, policy, settings.timeouts, timed_out=timed_out, remaining_s=deadline - now
        )
        caps: list[Cap] = [(deadline, "max_silence_s", policy.max_silence_s)]
        if settings.attempt_s is not None:
            caps.append((now + settings.attempt_s, "attempt_s", settings.attempt_s))
        clocks = Clocks(
            Evidence(),
            settings.timeouts,
            first_token_s=first_token_s,
            caps=caps,
            turn_cap=(self._turn_deadline, "max_turn_s", policy.max_turn_s),
            observed=settings.target.transport is not None,
            mute=self._mute(policy, number),
        )
        return Attempt(
            settings.target,
            part.request,
            clocks,
            filters=part.filters(self._record.said, filter_thinking=settings.filter_thinking),
            said=self._record.said,
            follows=part.follows,
            answers=self._requests.answers,
            deliver=self._deliver,
            connect_s=settings.timeouts.connect_s,
        )

    def _mute(self, policy: RetryPolicy, number: int) -> Mute | None:
        """How long Claude may think without a word; None if something was heard in this turn."""
        if self._record.heard:
            return None
        relievable = not self._has_relieved and number < policy.max_attempts
        return Mute(self._on_thinking, self._latest if relievable else None)

    async def _sleep(self, seconds: float) -> None:
        """Wait, unless the adapter is closed: then the next attempt fails at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._aborted.wait()


def _unsent(fault: Fault) -> AttemptFailed:
    """The failure of a turn for which no request could be built."""
    failure, shown = name_failure(fault, Evidence(), private=Private)
    return AttemptFailed(failure, shown, retryable=False)
