"""Whether a call kept the promises: read off what was heard, asked and written down. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from livekit.agents import llm

from resilient_claude.testing.voice import Utterance

from .call_playing import HeardPiece, SeenCall
from .call_promises import COMMIT_S, ENDING_S, HEARD_S, VOICE_S, CallExpectation
from .call_table import TOOL_S, CallCell, Tool
from .call_texts import HOLD_LINES, LONG_LINES, TOLD, Kind, letters

CLEARANCE_S = 2.5
"""So long before an apology no hold line begins."""
NOTICED_S = 0.2
"""How long a voice is heard before anybody can know that the caller speaks."""
CUT_S = 1.0
"""Within what he is listened to: livekit takes for an interruption what lasts half a second."""
NUDGE_S = 2.5
"""What he says at greater length does not count as waiting."""
SETTLED_S = COMMIT_S + 0.5 + HEARD_S
"""After he spoke: his turn is committed, he might go on, and then he can be told."""
RESUMED_S = 2.5
"""After a cough: livekit holds back for two seconds what began to be said, in case he goes on."""
TOLERANCE_S = 0.1
"""Two frames of audio, in which the caller speaks and is listened to."""
A_WORD = 12
"""Letters: what is heard of a word that is cut off is not written down."""
ENDINGS = {Kind.ANSWER, Kind.OTHER, Kind.APOLOGY, Kind.CLOSING}


def broken_promises(cell: CallCell, promised: CallExpectation, seen: SeenCall) -> list[str]:
    """What is not as it should be, in words."""
    return [
        *_what_is_heard(promised, seen),
        *_nothing_twice(promised, seen),
        *_history(seen),
        *_the_rest(promised, seen),
        *(_times(cell, seen) if cell.attached else ()),
        *(_lines(seen) if cell.attached else ()),
    ]


def _what_is_heard(promised: CallExpectation, seen: SeenCall) -> Iterator[str]:
    kinds = {each.kind for each in seen.heard}
    if missing := promised.must - kinds:
        yield f"never heard: {sorted(missing)}"
    if more := kinds - promised.must - promised.may:
        yield f"heard: {sorted(more)}"


# --- words --------------------------------------------------------------------------------------


def _groups(seen: SeenCall) -> list[list[HeardPiece]]:
    """What was said between two turns of the caller's, without hold lines."""
    commits = _commits(seen)
    groups: dict[int, list[HeardPiece]] = {}
    for each in seen.heard:
        if each.kind is not Kind.LINE:
            before = sum(commit <= each.utterance.start_s for commit in commits)
            groups.setdefault(before, []).append(each)
    return [*groups.values()]


def _commits(seen: SeenCall) -> list[float]:
    """When turns of the caller's were committed."""
    return [
        each.at_s
        for each in seen.played.events
        if each.event.type == "conversation_item_added"
        and getattr(each.event.item, "role", "") == "user"
    ]


def _nothing_twice(promised: CallExpectation, seen: SeenCall) -> Iterator[str]:
    """Each turn has one answer at most, the right one, and one apology at most."""
    for group in _groups(seen):
        whole = not _disturbed(group, seen)
        for kind in {each.kind for each in group}:
            said = letters("".join(each.utterance.text for each in group if each.kind is kind))
            texts = [TOLD[kind]] if kind in TOLD else [*promised.answers]
            right = [letters(text) for text in texts]
            if not (said in right if whole else any(each.startswith(said) for each in right)):
                yield f"{kind}: promised {texts}, heard {said!r}{'' if whole else ' (cut off)'}"


def _disturbed(group: Sequence[HeardPiece], seen: SeenCall) -> bool:
    """Whether the caller spoke while it was said, or had the call at an end."""
    start_s, end_s = group[0].utterance.start_s, group[-1].utterance.end_s
    spoke = any(
        each.end_s > start_s - COMMIT_S and each.start_s < end_s + 0.1
        for each in seen.played.said()
        if each.start_s > start_s - 0.3 or not each.text
    )
    return spoke or end_s > seen.played.lasted_s - 0.1


def _history(seen: SeenCall) -> Iterator[str]:
    """What was heard is written down, and nothing else."""
    messages = [item for item in seen.played.history.items if isinstance(item, llm.ChatMessage)]
    written = [letters(m.text_content or "") for m in messages if m.role == "assistant"]
    heard = [letters("".join(e.utterance.text for e in group)) for group in _groups(seen)]
    cut = [_disturbed(group, seen) for group in _groups(seen)]
    rest = list(written)
    if seen.heard and seen.heard[-1].utterance.end_s > seen.played.lasted_s - 0.1:
        heard, cut, rest = heard[:-1], cut[:-1], rest[: len(heard) - 1]  # the call ends with it
    for text, was_cut in zip(heard, cut, strict=True):
        if rest and (rest[0] == text or (was_cut and _is_beginning(rest[0], text))):
            rest.pop(0)
        elif not was_cut or len(text) > A_WORD:
            yield f"history: heard {text!r}, written {written}"
            return
    if rest:
        yield f"history: never heard {rest}"
    said = letters("".join(each.text for each in seen.played.said() if _was_committed(each, seen)))
    asked = letters("".join(m.text_content or "" for m in messages if m.role == "user"))
    if not asked.startswith(said):
        yield f"history: the caller said {said!r}, written {asked!r}"


def _was_committed(each: Utterance, seen: SeenCall) -> bool:
    return each.end_s + COMMIT_S + 0.2 < seen.played.lasted_s


def _is_beginning(written: str, heard: str) -> bool:
    return heard.startswith(written) and len(heard) - len(written) <= A_WORD


def _the_rest(promised: CallExpectation, seen: SeenCall) -> Iterator[str]:
    if seen.ran != promised.tool_runs:
        yield f"the tool ran {seen.ran} times, promised {promised.tool_runs}"
    if promised.closes is not None and promised.closes != (seen.played.closed_at_s is not None):
        yield f"closed: promised {promised.closes}, got {seen.played.closed_at_s}"
    if seen.played.left_over:
        yield f"left over: {seen.played.left_over}"


# --- time ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Wait:
    """From the commit of a turn to the first word of an answer or an apology."""

    from_s: float
    until_s: float


def _waits(seen: SeenCall) -> list[_Wait]:
    waits: list[_Wait] = []
    endings = [each.utterance.start_s for each in seen.heard if each.kind in ENDINGS]
    for commit_s in _commits(seen):
        if waits and waits[-1].until_s > commit_s:
            continue  # it goes on
        until_s = next((each for each in endings if each > commit_s), inf)
        waits.append(_Wait(commit_s, until_s))
    return waits


def _times(cell: CallCell, seen: SeenCall) -> Iterator[str]:
    tool_s = TOOL_S if cell.fault.tool is Tool.RUNS else 0.0
    for wait in _waits(seen):
        deadline_s = _deadline_s(wait, seen, tool_s)
        tool_s = 0.0  # it runs in the first one
        if deadline_s + TOLERANCE_S < min(wait.until_s, seen.played.lasted_s):
            yield (
                f"no answer and no apology from {wait.from_s:.2f} to {wait.until_s:.2f}, "
                f"promised by {deadline_s:.2f}"
            )
        yield from _voices(cell, wait, seen)


def _deadline_s(wait: _Wait, seen: SeenCall, not_waiting_s: float) -> float:
    said = [each for each in seen.played.said() if wait.from_s < each.start_s < wait.until_s]
    not_waiting_s += sum(each.end_s - each.start_s for each in said if _is_long(each))
    deadline_s = wait.from_s + ENDING_S + not_waiting_s
    for each in said:  # nobody talks over him
        if each.start_s - NOTICED_S <= deadline_s and each.end_s + SETTLED_S > deadline_s:
            deadline_s = each.end_s + SETTLED_S
    return deadline_s


def _is_long(each: Utterance) -> bool:
    return each.end_s - each.start_s > NUDGE_S


def _voices(cell: CallCell, wait: _Wait, seen: SeenCall) -> Iterator[str]:
    """Whenever the caller has said something, he hears somebody soon; a cough may delay it."""
    said = seen.played.said()
    for each in said:
        if not each.text or not wait.from_s - COMMIT_S - 0.2 <= each.end_s < wait.until_s:
            continue
        heard = [h.utterance for h in seen.heard if h.utterance.end_s > each.end_s]
        sound_s = heard[0].start_s if heard else inf
        spoke_s = next((s.start_s for s in said if s.text and s.start_s > each.start_s), inf)
        by_s = each.end_s + VOICE_S
        if cell.fault.tool is Tool.RUNS:  # livekit commits no turn before it is through
            committed_s = next((at_s for at_s in _commits(seen) if at_s > each.end_s), inf)
            by_s = max(by_s, committed_s + VOICE_S - COMMIT_S + TOLERANCE_S)
        for cough in said:
            if each.end_s < cough.start_s < by_s and not cough.text:
                by_s = max(by_s, cough.end_s + RESUMED_S)
        if min(sound_s, spoke_s, seen.played.lasted_s) > by_s:
            yield f"nobody is heard from {each.end_s:.2f} to {sound_s:.2f}, promised by {by_s:.2f}"


# --- lines --------------------------------------------------------------------------------------


def _lines(seen: SeenCall) -> Iterator[str]:
    lines = [each.utterance for each in seen.heard if each.kind is Kind.LINE]
    ours = [each.utterance for each in seen.heard if each.kind in {*TOLD, Kind.LINE}]
    said = seen.played.said()
    for each in ours:
        if any(s.start_s + NOTICED_S < each.start_s < s.end_s for s in said):
            yield f"said while the caller speaks: {each}"
        for s in said:
            interrupts = s.text and s.end_s - s.start_s > CUT_S and s.start_s > each.start_s
            if interrupts and s.start_s + CUT_S < each.end_s:
                yield f"not cut by {s}: {each}"
    for heard in seen.heard:
        if heard.kind is Kind.APOLOGY:
            yield from _right_before(heard.utterance.start_s, lines, seen)
    for one, two in pairwise(lines):
        if one.text == two.text:
            yield f"the same line twice in a row: {one}, {two}"
    for post in seen.played.posts():
        body = letters(json.dumps(post.body))
        if any(letters(text) in body for text in (*HOLD_LINES, *LONG_LINES)):
            yield f"a hold line in the request at {post.at_s:.2f}"


def _right_before(apology_s: float, lines: Sequence[Utterance], seen: SeenCall) -> Iterator[str]:
    """Lines that are taken back at once; not those that livekit held back because of a cough."""
    coughs = [each for each in seen.played.said() if not each.text]
    for line in lines:
        held_back = any(c.start_s < line.start_s < c.end_s + RESUMED_S for c in coughs)
        begins_s = line.start_s - TOLERANCE_S
        if begins_s <= apology_s < begins_s + CLEARANCE_S and not held_back:
            yield f"right before an apology: {line}"
