"""The README's table of what the caller hears: each row is played, in real voice sessions.

Nothing of a row is written down here a second time: its first cell names faults, each of which is
played; its other cells are promises, each of which is looked for in what was heard.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from livekit.agents import AgentSession

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude, ToolUse
from resilient_claude.testing.script.breaks import Step
from resilient_claude.testing.voice import PlayedCall, Says, VoiceCall
from resilient_claude.voice import keep_caller_informed

from ..support.adapters import KEY
from ..support.attended_calls import SORRY, as_said, booking
from .pages import README, rows

TEXT = "Alpha bravo charlie delta echo foxtrot."
"""No word comes twice, so that a doubled one is heard."""
ANSWER = Answer(TEXT, first_token_s=0.6, piece_s=0.05)
REST = Answer("echo foxtrot.", first_token_s=0.6, piece_s=0.05)
CALLS_TOOL = Answer(tools=[ToolUse("book")], first_token_s=0.6)
HEARD_FIRST = "Alpha bravo charlie delta "

UNREACHABLE = "unreachable"
FAULTS: dict[str, Any] = {
    UNREACHABLE: UNREACHABLE,
    "reset": Break("reset", at="request"),
    "nonsense under 200": Break("end", at="headers"),
    "no byte": Break("stall", at="request"),
    "only pings": Break("pings", at="message_start"),
    "a long `retry-after`": HttpError(429, headers={"retry-after": "60"}),
    "a refusal": Answer(stop_reason="refusal"),
    "a break after text was heard": Break("reset", at="text", answer=ANSWER, after_pieces=4),
    "a break in a tool call": Break("reset", at="tool_json", answer=CALLS_TOOL),
    "a break after a tool call": Break("reset", at="after_tool", answer=CALLS_TOOL),
}
"""What a fault of the table is; a number is a status."""

AFTERWARDS = {
    "a break after text was heard": [REST],
    "a break in a tool call": [CALLS_TOOL, ANSWER],
    "a break after a tool call": [CALLS_TOOL, ANSWER],
}
"""What Claude answers when only the first attempt has met the fault; otherwise the whole answer."""

QUESTION = "When do you open on Sunday please?"
WAITS = [Says(QUESTION)]
HELLO = [Says(QUESTION), Says("Hello?", when_silent_s=5.0, repeat=True)]
FOUR_FINALS = [Says(QUESTION, finals=4)]
SLACK_S = 0.4


@dataclass
class Played:
    """What became of a call.

    Attributes:
        call: the call.
        ran: how often the tool ran.
    """

    call: PlayedCall
    ran: int

    @property
    def times(self) -> list[tuple[float, str]]:
        """What was heard, and when, from the last word of the question."""
        asked_s = self.call.said()[0].end_s
        return [(each.start_s - asked_s, as_said(each.text)) for each in self.call.heard()]

    @property
    def texts(self) -> list[str]:
        """What was heard."""
        return [text for _, text in self.times]


def within(text: str) -> Callable[[Played, str], bool]:
    """That *text* is heard once at least, and the first time in so many seconds."""
    return lambda played, s: any(at_s <= float(s) for at_s, said in played.times if text == said)


def after(text: str) -> Callable[[Played, str], bool]:
    """That *text* is heard then, and nothing before."""
    return lambda played, s: (
        played.texts[0] == text and abs(played.times[0][0] - float(s)) <= SLACK_S
    )


def once(text: str) -> Callable[[Played], bool]:
    """That *text* is heard, and no word of it twice."""
    return lambda played: (
        [said for said in " ".join(played.texts).split() if said in text] == (text.split())
    )


PROMISES: dict[str, Callable[..., bool]] = {
    r"the whole answer, once": once(TEXT),
    r"that text, once": once(HEARD_FIRST),
    r'"Sorry, where was I\?"': lambda played: "Sorry, where was I?" in played.texts,
    r'"One moment\." after (\d+) s': after("One moment."),
    r"the apology within (\d+) s": within(SORRY),
    r"the tool runs once": lambda played: played.ran == 1,
    r"the tool does not run": lambda played: played.ran == 0,
}
"""What a cell may promise, and whether a call holds it."""

ROWS = rows(README, "fault")


def faults_of(cell: str) -> list[str]:
    return cell.split(", ")


def step_of(fault: str) -> Any:
    return HttpError(int(fault)) if fault.isdecimal() else FAULTS[fault]


def play(fault: str, caller: list[Says], *, always: bool) -> Played:
    """Play a call in which *fault* meets the first attempt only, or all of them."""
    step, ran = step_of(fault), list[str]()
    cut_off = step == UNREACHABLE

    def attend(session: AgentSession[Any]) -> Any:
        if cut_off:
            claude.refuse()
            claude.drop_idle()
        if cut_off and not always:  # until just after the request, which is made at 2.4 s
            asyncio.get_running_loop().call_later(2.5, claude.listen)
        return keep_caller_informed(session)

    with SimulatedClaude(default=ANSWER) as claude:
        if not cut_off:
            script(claude, step, fault, always=always)
        played = VoiceCall(
            lambda: ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url),
            caller,
            claude=claude,
            tools=[booking(0.1, ran)],
            prepare=attend,
            lasts_s=20.0,
        ).play()
    return Played(played, len(ran))


def script(claude: SimulatedClaude, step: Step, fault: str, *, always: bool) -> None:
    if not always:
        claude.script(step, *AFTERWARDS.get(fault, [ANSWER]))
    elif step == FAULTS["a break after text was heard"]:
        claude.script(step, *[Break("reset", at="request")] * 99)  # its continuation, too
    else:
        claude.outage(step)


def broken(cell: str, played: Played) -> list[str]:
    """The promises of *cell* that *played* does not hold, and what of it is no promise."""
    wrong, rest = [], cell
    for pattern, holds in PROMISES.items():
        for found in re.finditer(pattern, cell):
            if not holds(played, *found.groups()):
                wrong.append(found.group())
            rest = rest.replace(found.group(), "")
    return wrong + re.findall(r"[^\s,]+", rest)


@pytest.mark.parametrize(
    ("fault", "cell"), [(fault, row[1]) for row in ROWS for fault in faults_of(row[0])]
)
def test_what_is_heard_when_the_first_attempt_fails(fault: str, cell: str) -> None:
    """The reader believes the second column."""
    played = play(fault, WAITS, always=False)

    assert broken(cell, played) == [], played.call.timeline()


@pytest.mark.parametrize(
    ("fault", "cell"), [(fault, row[2]) for row in ROWS for fault in faults_of(row[0])]
)
def test_what_is_heard_when_every_attempt_fails(fault: str, cell: str) -> None:
    """The third as well."""
    played = play(fault, WAITS, always=True)

    assert broken(cell, played) == [], played.call.timeline()


@pytest.mark.parametrize(("fault", "cell"), [(faults_of(row[0])[0], row[2]) for row in ROWS])
def test_it_is_heard_by_who_asks_again_and_again(fault: str, cell: str) -> None:
    """Each "Hello?" is a turn of its own for livekit, and none for who waits."""
    played = play(fault, HELLO, always=True)

    assert broken(cell, played) == [], played.call.timeline()


@pytest.mark.parametrize(
    ("fault", "cell"),
    [(faults_of(row[0])[0], row[2]) for row in ROWS if "was heard" not in row[0]],
)
def test_it_is_heard_by_who_is_understood_in_pieces(fault: str, cell: str) -> None:
    """Each piece asks before its time. After a word was heard, nothing is asked before its time."""
    played = play(fault, FOUR_FINALS, always=True)

    assert broken(cell, played) == [], played.call.timeline()


def test_a_promise_that_is_not_held_is_found() -> None:
    """The test of the table can fail, and an unknown promise is none that is held."""
    healthy = Played(play("500", WAITS, always=False).call, ran=0)

    assert broken("the apology within 13 s, the tool runs once", healthy) == [
        "the apology within 13 s",
        "the tool runs once",
    ]
    assert broken("the whole answer, once, twice", healthy) == ["twice"]
