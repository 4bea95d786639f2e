"""Which output answers which call of a history. Pure.

Theory of operation. Ids of calls recur: some providers number the calls of each turn anew, some
give none. So an output answers the nearest call before it that has its id and no answer yet. Calls
of one id that were made together, without a message between them, and are answered together, have
their answers in the order of the calls, unless the tools' names say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from livekit.agents import llm


def answers_of(items: Sequence[llm.ChatItem]) -> dict[int, int]:
    """Where the answered calls are in *items*, and where the output is that answers each."""
    places: dict[str, list[int]] = {}
    for at, item in enumerate(items):
        if item.type in ("function_call", "function_call_output"):
            places.setdefault(item.call_id, []).append(at)
    answers: dict[int, int] = {}
    for found in places.values():
        kinds = [items[at].type for at in found]
        if kinds == ["function_call", "function_call_output"]:  # as ids are meant to be
            answers[found[0]] = found[1]
        elif len(found) > 1:
            answers.update(_paired(items, found))
    return answers


def _paired(items: Sequence[llm.ChatItem], places: Sequence[int]) -> dict[int, int]:
    """The same of the calls and outputs of one id, which are at *places*."""
    answers: dict[int, int] = {}
    batches: list[list[int]] = []  # calls that wait for an answer, those made together in one
    outputs: list[int] = []  # that came since the last call
    last_call = -1
    for at in places:
        if items[at].type == "function_call_output":
            outputs.append(at)
            continue
        _answer(items, batches, outputs, answers)
        between = range(last_call + 1, at)
        together = not outputs and all(items[other].type != "message" for other in between)
        if together and batches:
            batches[-1].append(at)
        else:
            batches.append([at])
        last_call, outputs = at, []
    _answer(items, batches, outputs, answers)
    return answers


def _answer(
    items: Sequence[llm.ChatItem],
    batches: list[list[int]],
    outputs: Sequence[int],
    answers: dict[int, int],
) -> None:
    """Give *outputs* to the calls that wait in *batches*, the nearest batch first."""
    left = [*outputs]
    while left and batches:
        batch = batches.pop()
        calls = batch[-len(left) :]
        if batch[: -len(left)]:
            batches.append(batch[: -len(left)])
        given, left = left[: len(calls)], left[len(calls) :]
        # A stable sort, so that what the names do not tell keeps its order.
        for output in sorted(given, key=lambda at: not _is_named(items, calls, at)):
            call = next((at for at in calls if _name(items, at) == _name(items, output)), calls[0])
            calls.remove(call)
            answers[call] = output


def _is_named(items: Sequence[llm.ChatItem], calls: Sequence[int], output: int) -> bool:
    return any(_name(items, at) == _name(items, output) for at in calls)


def _name(items: Sequence[llm.ChatItem], at: int) -> str:
    return str(getattr(items[at], "name", ""))
