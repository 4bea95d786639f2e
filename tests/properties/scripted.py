"""A Claude that does as its scripts say, in place of everything below the stream.

Each attempt speaks words of its own, so that every delivered character tells where it came from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from itertools import cycle
from typing import Any

import anthropic

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Phase
from resilient_claude.request.request import Request
from resilient_claude.response.sse import Event
from resilient_claude.testing.rules.validation import validate
from resilient_claude.transport.exchange import Exchange
from tests.support.virtual_time import FOR_EVER_S

from .scripted_answers import AttemptSeen, ScriptedAnswer
from .scripts import PROMPT, SILENCES, ScriptedAttempt, ScriptedTurn, fault

PING: Event = {"type": "ping"}


class ScriptedClaude:
    """Plays the scripts, one per attempt, and keeps the books.

    Attributes:
        attempts: every attempt so far.
        complaints: what was wrong with a request.
    """

    def __init__(self, turn: ScriptedTurn) -> None:
        self._turn = turn
        self._first: list[Any] = []
        self.attempts: list[AttemptSeen] = []
        self.complaints: list[str] = []

    async def open_exchange(
        self,
        client: anthropic.AsyncAnthropic,
        transport: object,
        request: Request,
        evidence: Evidence,
        stack: AsyncExitStack,
        *,
        connect_s: float,
    ) -> Exchange:
        """In place of `transport.open_exchange`."""
        number = len(self.attempts) + 1
        script = self._turn.scripts[min(number, len(self._turn.scripts)) - 1]
        attempt = AttemptSeen(number, self._kind(request), _now())
        for before in self.attempts:
            before.continued |= b'"srvtoolu_%d_' % before.number in request.content()
        self.attempts.append(attempt)
        self._check(request)
        try:
            await self._connect(script, attempt, evidence)
        except BaseException:
            attempt.ended = _now()
            raise
        answer = ScriptedAnswer(script, attempt, self._resumed(request, attempt, script))
        reads = await stack.enter_async_context(aclosing(_reads(script, attempt, answer.events)))
        evidence.request_id = f"req_{number}"
        evidence.enter(Phase.FIRST_TOKEN)
        return Exchange({"request-id": f"req_{number}"}, lambda: anext(reads, None))

    def _kind(self, request: Request) -> str:
        messages = request.body["messages"]
        if not self.attempts:
            self._first = messages
        if messages == self._first:
            return "fresh"
        blocks = messages[-1]["content"]
        if any(block["type"] == "server_tool_use" for block in blocks):
            return "continuation"
        return "resume"

    def _check(self, request: Request) -> None:
        """Every request must be one that the API takes."""
        given = {"x-api-key": "k", "anthropic-version": "2023-06-01", **request.headers}
        headers = {name.lower(): value for name, value in given.items()}
        error = validate(headers, request.content())
        if error is not None:
            self.complaints.append(error.message)

    async def _connect(
        self, script: ScriptedAttempt, attempt: AttemptSeen, evidence: Evidence
    ) -> None:
        headers = {} if script.retry_after is None else {"retry-after": script.retry_after}
        refused = script.refused
        has_status = refused is not None and refused.isdecimal()
        evidence.enter(Phase.CONNECT)
        await asyncio.sleep(script.connect_s)
        if refused is not None and script.refused_early and not has_status:
            await _refuse(refused, headers)
        evidence.enter(Phase.SEND)
        evidence.enter(Phase.RESPONSE)
        await asyncio.sleep(script.response_s)
        if refused is not None:
            attempt.retry_after_s = _seconds(script.retry_after) if has_status else None
            await _refuse(refused, headers)

    def _resumed(
        self, request: Request, attempt: AttemptSeen, script: ScriptedAttempt
    ) -> str | None:
        """What a resumed answer says first; None if this is none."""
        if attempt.kind != "resume":
            return None
        before = self.attempts[: attempt.number - 1]
        parts = [a for a in before if a.continued or a is before[-1]]
        whole = "".join(a.text for a in parts)
        last = request.body["messages"][-1]
        said = last["content"][-1]["text"]
        if last["role"] == "assistant":
            if not whole.startswith(said):
                self.complaints.append(f"to be continued is {said!r}, which is not {whole!r}")
            return whole[len(said) :]
        said = said.partition(HEARD)[2]
        if not whole.startswith(said):
            self.complaints.append(f"heard is {said!r}, which is not {whole!r}")
        return go_on(whole, said, script.repeats)


HEARD = "The caller has heard: "
"""Begins the instruction to resume, so that the simulated Claude finds what was heard."""


def go_on(whole: str, said: str, repeats: str) -> str:
    """How Claude goes on with *whole* after *said*, when it is asked to."""
    rest = whole[len(said) :]
    between_words = said[-1:].isspace() or rest[:1].isspace() or not said
    if repeats == "everything":
        return whole
    if repeats == "nothing" and between_words:
        return rest.lstrip()
    return f"{' '.join(said.split()[-3:])}{said[len(said.rstrip()) :]}{rest}"


async def _refuse(name: str, headers: dict[str, str]) -> None:
    if name == "silence":
        await asyncio.sleep(FOR_EVER_S)
    raise fault(name, headers)


async def _reads(
    script: ScriptedAttempt, attempt: AttemptSeen, events: list[Event]
) -> AsyncGenerator[list[Event], None]:
    """The reads of one attempt."""
    cut = len(events) if script.breaks_after is None else script.breaks_after % (len(events) + 1)
    rhythm = cycle(script.rhythm)
    sent = 0
    try:
        while sent < cut:
            wait_s, size = next(rhythm)
            await asyncio.sleep(wait_s)
            batch = events[sent : min(cut, sent + size)]
            sent += len(batch)
            attempt.note(batch, _now())
            attempt.lived = _now()
            yield batch or [PING]
        if script.breaks_after is not None:
            async for batch in _breaks(script.breaks, events[:sent]):
                attempt.lived = _now()
                yield batch
        elif script.stays_open:
            await asyncio.sleep(FOR_EVER_S)
    finally:
        attempt.ended = min(attempt.ended, _now())


async def _breaks(how: str, sent: list[Event]) -> AsyncGenerator[list[Event], None]:
    if how == "end":
        return
    if how in ("error", "invalid_request"):
        name = "overloaded_error" if how == "error" else "invalid_request_error"
        yield [{"type": "error", "error": {"type": name, "message": f"no: {PROMPT}"}}]
    elif how == "garbled":
        yield [{"type": "content_block_delta", "index": 99, "delta": None}]
    elif how == "silence":
        await asyncio.sleep(FOR_EVER_S)
    elif how not in SILENCES:
        raise fault(how, {})
    open_block = bool(sent) and sent[-1]["type"] in ("content_block_start", "content_block_delta")
    filler = PING
    if how == "empty_deltas" and open_block:
        empty = {"type": "text_delta", "text": ""}
        filler = {"type": "content_block_delta", "index": sent[-1]["index"], "delta": empty}
    while True:
        await asyncio.sleep(2.9)
        yield [filler]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.replace(".", "").isdecimal() else None
