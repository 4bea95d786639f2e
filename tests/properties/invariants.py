"""What every turn must keep to, whatever its attempts met. One function per promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from livekit.agents import APIError
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from resilient_claude import Outcome, failure_of
from resilient_claude.transport.exchange import DRAIN_S
from resilient_claude.turn.part import MAX_PAUSES

from .playing import TurnResult
from .scripted_answers import AttemptSeen
from .scripts import PROMPT, ScriptedAttempt

_QUOTED_CHARS = 12  # a run of private text this long is a quotation


def check(result: TurnResult) -> None:
    """Check everything.

    Raises:
        AssertionError: a promise is broken.
    """
    for promise in PROMISES:
        promise(result)


def scripts_of(result: TurnResult) -> Iterator[tuple[AttemptSeen, ScriptedAttempt]]:
    """Each attempt with its script."""
    scripts = result.turn.scripts
    for attempt in result.claude.attempts:
        yield attempt, scripts[min(attempt.number, len(scripts)) - 1]


def delivered(result: TurnResult, attempt: AttemptSeen) -> bool:
    """Whether anything of *attempt* reached the caller."""
    ids = {call_id for call_id, _, _ in result.calls}
    return bool(result.text_of(attempt)) or any(call_id in ids for call_id, _, _ in attempt.calls)


def max_attempts(result: TurnResult) -> int:
    """What the policy and the connection options allow together."""
    options = result.turn.conn_options
    if options is DEFAULT_API_CONNECT_OPTIONS:
        return result.turn.policy.max_attempts
    return min(result.turn.policy.max_attempts, options.max_retry + 1)


def silence_begins(result: TurnResult, attempt: AttemptSeen) -> float:
    """When the silence began that *attempt* shall end.

    With the turn, with the last word heard, or with the end of a message that server tools
    paused: that message made progress until then.
    """
    before = [at for at in result.heard_at() if at <= attempt.started]
    earlier = result.claude.attempts[: attempt.number - 1]
    pauses = [a.ended for a in earlier if a.continued]
    return max([result.started, *before, *pauses])


# --- how it ends --------------------------------------------------------------------------------


def ends_exactly_once(result: TurnResult) -> None:
    """One end, told once, and everybody is told the same."""
    assert len(result.ended) == 1, f"claude_turn_ended came {len(result.ended)} times"
    (ended,) = result.ended
    assert result.finished is not None
    ends = [ended.outcome is not None, ended.failure is not None, ended.cancelled]
    assert sum(ends) == 1, ended
    assert ended.attempts == len(result.claude.attempts)
    assert ended.text_chars == len(result.text)
    assert ended.tool_calls == len(result.calls)
    assert not ended.cancelled or result.cancelled is not None
    if ended.failure is None:
        assert result.error is None
    elif result.cancelled is None:
        assert isinstance(result.error, APIError), result.error
        assert failure_of(result.error) == ended.failure


def is_no_success_without_message_stop(result: TurnResult) -> None:
    """Half an answer is never passed off as one."""
    (ended,) = result.ended
    if ended.outcome is not None:
        last = result.claude.attempts[-1]
        assert last.whole
        assert result.text or result.calls or ended.outcome is Outcome.EMPTY


def cancelling_is_instant(result: TurnResult) -> None:
    """A barge-in waits for nothing."""
    assert result.closing_s == 0.0


def a_lost_turn_ends_at_once(result: TurnResult) -> None:
    """Nobody waits when there is nothing to wait for."""
    (ended,) = result.ended
    assert result.finished is not None
    if result.cancelled is None and result.claude.attempts:
        last = result.claude.attempts[-1].ended
        assert last - 1e-6 <= result.finished <= last + 1e-6, (result.finished, last)
        assert ended.elapsed_s <= result.finished - result.started + 1e-6


# --- nothing twice ------------------------------------------------------------------------------


def text_is_said_once(result: TurnResult) -> None:
    """Each attempt's text is a beginning of what it said; together they are said once."""
    heard = [a for a in result.claude.attempts if result.text_of(a)]
    intended = "".join(a.text for a in heard)
    for attempt in heard:
        if attempt.kind != "resume":
            assert attempt.sent_text.startswith(result.text_of(attempt))
    resumed = any(a.kind == "resume" for a in heard)
    said = result.text
    if resumed:  # where the parts meet, white space is mended
        intended, said = (" ".join(text.split()) for text in (intended, said))
    assert intended.startswith(said), f"said {said!r}, which does not begin {intended!r}"
    if result.ended[0].outcome is not None:
        assert said == intended, f"said only {said!r} of {intended!r}"


def delivery_follows_the_order_of_attempts(result: TurnResult) -> None:
    """No chunk of an attempt comes after one of a later attempt."""
    numbers = [int(c.id.removeprefix("msg_")) for _, c in result.chunks if c.id]
    assert numbers == sorted(numbers)


def what_was_heard_is_not_asked_for_again(result: TurnResult) -> None:
    """After a delivery there is no other attempt but one that goes on from there."""
    for attempt, following in pairwise(result.claude.attempts):
        calls = {call[0] for call in attempt.calls} & {call[0] for call in result.calls}
        assert not calls, "another request after a tool call was delivered"
        if following.kind == "resume":
            assert result.turn.policy.on_interruption == "resume"
            assert result.text_of(attempt), "resumed, though nothing of it was heard"
        elif delivered(result, attempt):
            assert attempt.continued, "tried again, though it was heard"
            assert following.kind == "continuation"


def it_is_resumed_at_most_once(result: TurnResult) -> None:
    """Two breaks in one answer are not bad luck any more."""
    assert sum(a.kind == "resume" for a in result.claude.attempts) <= 1


def tools_run_once_and_whole(result: TurnResult) -> None:
    """Every call at most once, as Claude made it, and only of a message that came whole."""
    assert len({call_id for call_id, _, _ in result.calls}) == len(result.calls)
    expected = [
        call
        for attempt in result.claude.attempts
        if attempt.whole and delivered(result, attempt)
        for call in attempt.calls
    ]
    assert result.calls in ([], expected)


# --- how often ----------------------------------------------------------------------------------


def requests_are_bounded(result: TurnResult) -> None:
    """As many as the policy says, and one for every part that goes on from another."""
    attempts = result.claude.attempts
    pauses = sum(a.continued for a in attempts)
    resumes = sum(a.kind == "resume" for a in attempts)
    assert pauses <= 2 * MAX_PAUSES
    assert len(attempts) <= max_attempts(result) + pauses + resumes


def every_request_is_valid(result: TurnResult) -> None:
    """The API takes it, and a resumed one tells what was heard."""
    assert result.claude.complaints == []


def it_is_not_given_up_early(result: TurnResult) -> None:
    """A failure that may pass is tried again as long as the policy allows."""
    (ended,) = result.ended
    failure, turn = ended.failure, result.turn
    if failure is None or not failure.retryable or failure.kind in ("tls", "empty"):
        return
    last = result.claude.attempts[-1]
    if last.kind == "resume" or delivered(result, last):
        return
    if len(result.claude.attempts) >= max_attempts(result):
        return
    longest_wait_s = max(
        turn.policy.wait_cap_s, failure.retry_after_s or 0.0, distances(result)[last.number]
    )
    # In the last twentieth of the budget an attempt could only hide the cause behind a time-out.
    latest = silence_begins(result, last) + 0.95 * turn.policy.max_silence_s
    latest = min(latest, result.started + turn.policy.max_turn_s)
    assert last.ended + longest_wait_s >= latest - 1e-6


def a_healthy_claude_is_heard(result: TurnResult) -> None:
    """An attempt that is answered at once, in full, succeeds: it is not cut by an older clock."""
    (ended,) = result.ended
    if ended.failure is None or not result.claude.attempts:
        return
    *_, (_, script) = scripts_of(result)
    healthy = ScriptedAttempt(
        blocks=script.blocks, piece_chars=script.piece_chars, repeats=script.repeats
    )
    texts = [block.kind in ("text", "thinking") for block in script.blocks]
    assert not (script == healthy and all(texts) and any(b.kind == "text" for b in script.blocks))


def distances(result: TurnResult) -> dict[int, float]:
    """How long each failed attempt is to be waited after at least, for being the same again."""
    found: dict[int, float] = {}
    before, same = ("", ""), 0
    for fields in result.named("claude.attempt_failed"):
        number, words = fields["attempt"], (fields["kind"], fields["root_message"])
        attempt, *earlier = result.claude.attempts[number - 1 :: -1]
        new_part = attempt.kind == "resume" or any(a.continued for a in earlier[:1])
        same = same + 1 if words == before and not new_part else 1
        before = words
        # After thinking that took all the room, another request follows, with more of it.
        repeated = words[0] in ("malformed", "truncated") and not words[1].startswith("max_tokens")
        found[number] = 0.5 * 2 ** (same - 1) if repeated else 0.0
    return found


# --- when ---------------------------------------------------------------------------------------


def no_attempt_starts_too_late(result: TurnResult) -> None:
    """None past the end of the silence budget."""
    for attempt in result.claude.attempts:
        latest = silence_begins(result, attempt) + result.turn.policy.max_silence_s
        latest = min(latest, result.started + result.turn.policy.max_turn_s)
        assert attempt.started <= latest, f"attempt {attempt.number} starts too late"


def no_turn_is_endless(result: TurnResult) -> None:
    """Whatever progress is made: at some time, it is over."""
    latest = result.started + result.turn.policy.max_turn_s
    for attempt in result.claude.attempts:
        allowed = latest + DRAIN_S if attempt.whole else latest
        assert attempt.ended <= allowed + 1e-6, f"attempt {attempt.number}: {attempt.ended}"


def silence_is_bounded(result: TurnResult) -> None:
    """No attempt without content outlives the budget, nor the caller's own limit."""
    options, policy = result.turn.conn_options, result.turn.policy
    for attempt in result.claude.attempts:
        latest = silence_begins(result, attempt) + policy.max_silence_s
        if options is not DEFAULT_API_CONNECT_OPTIONS and options.timeout:
            latest = min(latest, attempt.started + options.timeout)
        first = attempt.ended if attempt.began is None else attempt.began
        assert first <= latest + 1e-6, f"attempt {attempt.number}: {first} > {latest}"


def no_stall_is_waited_out(result: TurnResult) -> None:
    """Text that stops is cut after one clock, thinking without any sign of life after another."""
    timeouts = result.turn.timeouts
    for attempt in result.claude.attempts:
        if attempt.progressed is not None:
            clock_s = timeouts.stall_s if attempt.speaking else timeouts.thinking_s
            latest = attempt.progressed + clock_s
            if not attempt.speaking and attempt.lived is not None:
                latest = max(latest, attempt.lived + clock_s)
            if attempt.whole:  # the answer is there; its end is awaited for a moment
                latest = min(latest, attempt.progressed) + DRAIN_S + clock_s
            assert attempt.ended <= latest + 1e-6


def waits_are_as_asked(result: TurnResult) -> None:
    """Between two attempts: not less than the service asked for, not more than the cap.

    And what comes back word for word from a server that answered, at growing distances.
    """
    cap_s, at_least = result.turn.policy.wait_cap_s, distances(result)
    for attempt, following in pairwise(result.claude.attempts):
        wait_s = following.started - attempt.ended
        if not attempt.continued:
            asked_s = max(attempt.retry_after_s or 0.0, at_least[attempt.number])
            if following.kind == "resume":  # the first request for the rest
                asked_s = max(attempt.retry_after_s or 0.0, min(at_least[attempt.number], 0.5))
            assert asked_s - 1e-6 <= wait_s <= max(cap_s, asked_s) + 1e-6


# --- what is told -------------------------------------------------------------------------------


def each_failed_attempt_has_one_line(result: TurnResult) -> None:
    """In order, and the turn has one line of its own."""
    (ended,) = result.ended
    numbers = [fields["attempt"] for fields in result.named("claude.attempt_failed")]
    assert numbers == sorted(set(numbers))
    fine = {a.number for a in result.claude.attempts if a.whole}
    untold = {a.number for a in result.claude.attempts} - {*numbers}
    assert untold <= fine | ({len(result.claude.attempts)} if ended.cancelled else set())
    lost = len(result.named("claude.call_failed")), len(result.named("claude.call_interrupted"))
    heard = bool(result.text or result.calls)
    assert lost == ((int(not heard), int(heard)) if ended.failure is not None else (0, 0))
    recovered = len(result.named("claude.call_recovered"))
    assert recovered == int(ended.outcome is not None and numbers != [])


def the_application_is_told_of_each_failure(result: TurnResult) -> None:
    """Recoverable ones and, at most once, the one that is not."""
    recoverable = [error for error in result.errors if error.recoverable]
    final = [error for error in result.errors if not error.recoverable]
    retried = [f for f in result.named("claude.attempt_failed") if "wait_s" in f]
    assert len(recoverable) == len(retried)
    assert len(final) == int(result.ended[0].failure is not None)


def all_tokens_are_accounted_for(result: TurnResult) -> None:
    """Heard or wasted, but billed."""
    (ended,) = result.ended
    tokens = sum(a.tokens for a in result.claude.attempts)
    assert ended.usage.total_tokens + ended.wasted_tokens == tokens


def nothing_private_is_told(result: TurnResult) -> None:
    """Neither what the caller said nor what Claude said, in any line or message."""
    told = str(result.lines) + "".join(map(str, result.errors))
    told += "".join(_messages(result.error))
    for private in (PROMPT, *(a.text for a in result.claude.attempts)):
        for start in range(len(private) - _QUOTED_CHARS + 1):
            quoted = private[start : start + _QUOTED_CHARS]
            assert quoted not in told, f"{quoted!r} is told"


def _messages(exc: BaseException | None) -> Iterator[str]:
    # The message of an unknown exception is its author's; of ours and the API's, none may quote.
    while exc is not None and type(exc) is not ValueError:
        yield str(exc)
        exc = exc.__cause__


PROMISES: tuple[Callable[[TurnResult], None], ...] = (
    ends_exactly_once,
    is_no_success_without_message_stop,
    cancelling_is_instant,
    a_lost_turn_ends_at_once,
    text_is_said_once,
    delivery_follows_the_order_of_attempts,
    what_was_heard_is_not_asked_for_again,
    it_is_resumed_at_most_once,
    tools_run_once_and_whole,
    requests_are_bounded,
    every_request_is_valid,
    it_is_not_given_up_early,
    a_healthy_claude_is_heard,
    no_attempt_starts_too_late,
    no_turn_is_endless,
    silence_is_bounded,
    no_stall_is_waited_out,
    waits_are_as_asked,
    each_failed_attempt_has_one_line,
    the_application_is_told_of_each_failure,
    all_tokens_are_accounted_for,
    nothing_private_is_told,
)
