"""The clocks of one attempt: the last moment before they run out, and what they say of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from resilient_claude import Phase, ResilientClaudeLLM, RetryPolicy
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.faults import ClockExpired
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.response.translator import Activity
from resilient_claude.testing import Answer, Break, SimulatedClaude, Step
from resilient_claude.transport.certificates import Certificates
from resilient_claude.turn import clocks as module
from resilient_claude.turn.clocks import Clocks
from tests.support import virtual_time
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

STALL_S = 0.005


def clocks() -> Clocks:
    """Clocks of which only the one for speaking can run out."""
    return Clocks(
        Evidence(),
        Timeouts(stall_s=STALL_S),
        first_token_s=30,
        caps=[(asyncio.get_running_loop().time() + 30, "max_silence_s", 30)],
        turn_cap=(asyncio.get_running_loop().time() + 300, "max_turn_s", 300),
        observed=True,
    )


def be_late() -> None:
    """Keep the loop busy with something else until the clock has run out."""
    time.sleep(STALL_S * 2)


async def some_turns(count: int) -> None:
    """Let the loop turn, so that what is on its way arrives."""
    for _ in range(count):
        await asyncio.sleep(0)


async def survives(turns: int, happens: Callable[[Clocks], None]) -> bool:
    """Whether an attempt to which something happens *turns* turns too late lives on."""
    happened = False
    try:
        async with clocks() as watched:
            watched.progressed(Activity.SPEAKING)
            be_late()
            await some_turns(turns)
            happens(watched)
            happened = True
            await some_turns(5)
    except ClockExpired:
        assert not happened, f"cut {turns} turns later, after all was well"
    return happened


@pytest.mark.parametrize(
    "happens", [lambda watched: watched.progressed(Activity.WORKING), Clocks.stop]
)
async def test_what_comes_before_the_cut_prevents_it(happens: Callable[[Clocks], None]) -> None:
    """A busy loop sees the answer and the expiry at once, and an answer is worth more.

    However far the expiry is on its way, an attempt that got further, or whole, is not cut by it.
    """
    survived = [await survives(turns, happens) for turns in range(8)]

    assert survived[:3] == [True] * 3
    assert not survived[-1]


@pytest.mark.parametrize("turns", range(3))
async def test_an_attempt_that_ended_is_not_cut_later(turns: int) -> None:
    """The cancellation would hit whatever the task does next: the wait, or another attempt."""
    async with clocks() as watched:
        watched.progressed(Activity.SPEAKING)
        be_late()
        await some_turns(turns)

    await some_turns(5)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_progress_in_the_last_moment_starts_the_clock_anew() -> None:
    """It is no reprieve for ever: the next silence is as long as any."""

    async def silent_again() -> None:
        async with clocks() as watched:
            watched.progressed(Activity.SPEAKING)
            be_late()
            await some_turns(1)
            watched.progressed(Activity.SPEAKING)
            await asyncio.Event().wait()

    with pytest.raises(ClockExpired, match=f"stall_s expired after {STALL_S} s"):
        await asyncio.wait_for(silent_again(), 5)


async def test_a_clock_that_was_stopped_stays_silent() -> None:
    """The answer is whole; what follows it may take its time."""
    async with clocks() as watched:
        watched.progressed(Activity.SPEAKING)

        watched.stop()

        await asyncio.sleep(STALL_S * 4)


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full, so that the kernel drops every further SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_connect_that_hangs_is_this_network_s_affair(lines: Lines) -> None:
    """A firewall that drops packets: TCP is not up, so it is not TLS that hangs."""
    await Certificates().context()  # loading them takes as long as the clock
    with full_backlog() as port:
        adapter = ResilientClaudeLLM(
            api_key=KEY,
            base_url=f"https://127.0.0.1:{port}",
            retry=shrunk_policy(max_attempts=1),
            timeout=Timeouts(connect_s=0.1),
        )
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["origin"], line["phase"]) == ("timeout", "local", "connect")
    assert line["root_message"] == "connect_s expired after 0.1 s"


# --- a loop that was blocked ----------------------------------------------------------------------

BLOCKED_S = 0.6
CLOCK_S = 0.4


@pytest.fixture
def short_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much shorter than by default as the clocks of these tests are."""
    monkeypatch.setattr(module, "TICK_S", 0.02)


def block_the_loop(at: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something else stop the loop, once, when an attempt has come as far as *at*."""
    enter, blocked = Evidence.enter, list[Phase]()

    def entered(evidence: Evidence, phase: Phase) -> None:
        enter(evidence, phase)
        if phase is at and not blocked:
            blocked.append(phase)
            asyncio.get_running_loop().call_soon(time.sleep, BLOCKED_S)

    monkeypatch.setattr(Evidence, "enter", entered)


TIMEOUTS = Timeouts(connect_s=CLOCK_S, first_token_s=CLOCK_S)


@pytest.mark.usefixtures("short_ticks")
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("at", [Phase.CONNECT, Phase.RESPONSE])
async def test_a_loop_that_was_blocked_ends_no_attempt(
    at: Phase, tls: bool, make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """What stopped was this machine, not Claude: the answer is on its way, and asked for once."""
    block_the_loop(at, monkeypatch)
    # Its first byte comes some time after the loop runs again, when the clock would have run out.
    slow = Answer("Hi.", first_byte_s=0.2 if at is Phase.RESPONSE else 0.0)
    with SimulatedClaude(slow, tls=tls) as claude:
        adapter = make_llm(claude, timeout=TIMEOUTS)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (heard.text, heard.error, len(claude.requests)) == ("Hi.", None, 1)
    assert lines.events == []


@pytest.mark.usefixtures("short_ticks")
async def test_a_failure_tells_how_long_the_loop_was_blocked(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """Otherwise the network would be looked at, for what the application's own code has done."""
    block_the_loop(Phase.RESPONSE, monkeypatch)
    hang: Step = Break("stall", at="request")
    with SimulatedClaude(default=hang) as claude:
        policy = shrunk_policy(max_attempts=1, max_silence_s=2.0)
        adapter = make_llm(claude, timeout=TIMEOUTS, retry=policy)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    for line in (*lines.named("claude.attempt_failed"), *lines.named("claude.call_failed")):
        assert BLOCKED_S / 2 < line["loop_lag_s"] < BLOCKED_S * 3
        assert line["kind"] == "timeout"
    assert len(lines.events) == 2


async def test_a_failure_on_a_loop_that_ran_freely_tells_no_lag(
    make_llm: MakeLLM, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that is always there is one that nobody looks at."""
    monkeypatch.setattr(module, "LATE_S", 1.0)  # which a machine busy with other tests is not
    with SimulatedClaude(default=Break("stall", at="request")) as claude:
        policy = shrunk_policy(max_attempts=1, max_silence_s=0.3)
        adapter = make_llm(claude, retry=policy)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert ["loop_lag_s" in fields for _, fields in lines.events] == [False, False]


@pytest.mark.usefixtures("short_ticks")
async def test_no_blocked_loop_moves_the_end_of_the_budget() -> None:
    """Whoever is to blame, the caller has waited long enough."""
    loop = asyncio.get_running_loop()
    started, expired = loop.time(), None
    watched = Clocks(
        Evidence(),
        Timeouts(connect_s=0.05),
        first_token_s=30,
        caps=[(started + 0.15, "max_silence_s", 0.15)],
        turn_cap=(started + 30, "max_turn_s", 30),
        observed=True,
    )
    try:
        async with watched:
            time.sleep(0.3)  # noqa: ASYNC251 - which is the point
            await asyncio.sleep(10)
    except ClockExpired as exc:
        expired = exc

    assert expired is not None
    assert loop.time() - started < 5
    assert (watched.evidence.loop_lag_s or 0) > 0.1


BLOCKS_S = (0.16, 1.0, 30.0)


CONNECT_S, FIRST_TOKEN_S = Timeouts().connect_s, Timeouts().first_token_s
LIMITS_S = {Phase.CONNECT: CONNECT_S, Phase.SEND: FIRST_TOKEN_S}


def default_clocks() -> Clocks:
    """Clocks as they are by default, with a budget that is far away."""
    now = asyncio.get_running_loop().time()
    return Clocks(
        Evidence(),
        Timeouts(),
        first_token_s=FIRST_TOKEN_S,
        caps=[(now + 100, "max_silence_s", 100)],
        turn_cap=(now + 300, "max_turn_s", 300),
        observed=True,
    )


async def lives(phase: Phase, *, blocked_at_s: float, block_s: float, done_at_s: float) -> bool:
    """Whether an attempt lives on that would be done at *done_at_s* on a loop that ran freely."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, virtual_time.VirtualTimeLoop)
    try:
        async with default_clocks() as watched:
            watched.evidence.enter(phase)
            await asyncio.sleep(blocked_at_s)
            loop.stand_still(block_s)
            await asyncio.sleep(done_at_s - blocked_at_s)
            watched.stop()
    except ClockExpired:
        return False
    return True


@pytest.mark.parametrize("phase", LIMITS_S)
def test_no_block_of_the_loop_takes_from_an_attempt_what_was_left_to_it(phase: Phase) -> None:
    """Wherever in a clock it falls: at its beginning, between two ticks, across its very end."""
    limit_s = LIMITS_S[phase]
    blocks = [
        {"blocked_at_s": tenth / 10 + 0.037, "block_s": block_s}
        for tenth in range(round(limit_s * 10))
        for block_s in BLOCKS_S
    ]

    assert [
        block
        for block in blocks
        if not virtual_time.run(lives(phase, **block, done_at_s=limit_s - 0.01))
    ] == []


@pytest.mark.parametrize("phase", LIMITS_S)
def test_a_block_is_no_reprieve_for_a_peer_that_is_silent(phase: Phase) -> None:
    """The clock stands still for as long as the loop did, and a tick more at most."""
    late_s = LIMITS_S[phase] + module.TICK_S + 0.01

    assert not virtual_time.run(lives(phase, blocked_at_s=1.037, block_s=1, done_at_s=late_s))


def test_many_blocks_do_not_make_a_clock_endless() -> None:
    """A loop that is busy half of its time still notices that nobody answers."""

    async def blocked_again_and_again() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual_time.VirtualTimeLoop)
        began = loop.time()
        try:
            async with default_clocks():
                while True:
                    await asyncio.sleep(0.13)
                    loop.stand_still(0.13)
        except ClockExpired:
            return loop.time() - began

    assert virtual_time.run(blocked_again_and_again()) < CONNECT_S * 4


# --- the end of the turn --------------------------------------------------------------------------


def ending(in_s: float) -> Clocks:
    """Clocks of a turn that ends so soon, whatever progress it makes."""
    now = asyncio.get_running_loop().time()
    return Clocks(
        Evidence(),
        Timeouts(),
        first_token_s=30,
        caps=[(now + 30, "max_silence_s", 30)],
        turn_cap=(now + in_s, "max_turn_s", in_s),
        observed=True,
    )


@pytest.mark.parametrize("activity", [Activity.SPEAKING, Activity.THINKING, Activity.WORKING])
async def test_no_progress_outlives_the_turn(activity: Activity) -> None:
    """Words and thoughts without end are no answer."""

    async def goes_on() -> None:
        async with ending(0.1) as watched:
            while True:
                watched.progressed(activity)
                await asyncio.sleep(0.001)

    with pytest.raises(ClockExpired, match=r"max_turn_s expired after 0\.1 s"):
        await asyncio.wait_for(goes_on(), 5)


async def test_a_wait_is_ended_by_the_turn_too() -> None:
    """A resumed answer begins late in a turn, with a budget of silence that is its own."""
    with pytest.raises(ClockExpired, match="max_turn_s"):
        async with asyncio.timeout(5), ending(0.05):
            await asyncio.sleep(10)


def test_by_default_a_turn_may_last_as_long_as_anybody_listens() -> None:
    """Thinking and server tools take minutes; 300 s are no answer any more."""
    assert RetryPolicy().max_turn_s == 300
