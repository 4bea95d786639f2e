"""What tools did at Anthropic's, where it is not taken back, and the container that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.continuation import continued
from resilient_claude.request.repairs.rejections import cause_of
from resilient_claude.request.request import Request
from tests.request.repairs.test_message_repairs import MANUAL, asked, mended, thought
from tests.request.repairs.test_rejections import SAID
from tests.support.builders import NEWEST, assistant, build, call, rejected, result, text, user
from tests.support.server_tools import WebSearch, search

GONE = SAID["CONTAINER"][0]
NOT_TAKEN = SAID["SERVER_BLOCKS"][0]
CITED = text("Risotto.", citations=[{"type": "web_search_result_location", "cited_text": "r"}])


def searches(call_id: str, *, finished: bool = True) -> list[dict[str, Any]]:
    """The blocks of a search."""
    blocks = [*search(id=call_id).blocks("")]
    return blocks if finished else blocks[:1]


# --- the container --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "left"),
    [
        ("container_1", None),
        ({"id": "container_1"}, None),
        ({"id": "container_1", "skills": [{"skill_id": "a"}]}, {"skills": [{"skill_id": "a"}]}),
    ],
)
def test_code_runs_in_a_new_container(container: Any, left: Any) -> None:
    """What the application has asked for besides is asked for again."""
    made = mended(build(extra={"extra_body": {"container": container}}), GONE)

    assert made.body.get("container") == left


def test_a_container_without_an_id_is_a_new_one() -> None:
    """It was rejected for something else."""
    fresh = build(extra={"extra_body": {"container": {"skills": []}}})

    assert cause_of(build(), ApiError(message=GONE)) is None
    assert cause_of(fresh, ApiError(message=GONE)) is None


# --- the blocks -----------------------------------------------------------------------------------


def test_what_they_did_is_left_out_and_what_was_said_stays() -> None:
    """Of the words, no citation refers to what is not there any more."""
    request = asked(
        user("Menu?"),
        assistant("I look.", *searches("srv_1"), CITED, call("a")),
        user(result("a", "Booked")),
    )

    made = mended(request, NOT_TAKEN)

    assert made.body["messages"] == [
        user("Menu?"),
        assistant("I look.", "Risotto.", call("a")),
        user(result("a", "Booked")),
    ]


def test_a_call_that_waits_for_its_result_goes_too() -> None:
    """As one whose code needs a container that nobody has named."""
    request = asked(
        user("Menu?"),
        assistant(*searches("srv_1", finished=False), call("a")),
        user(result("a", "Booked")),
    )

    made = mended(request, SAID["SERVER_BLOCKS"][2])

    assert made.body["messages"][1] == assistant(call("a"))


def test_thinking_goes_with_them() -> None:
    """It is bound to what it stood behind."""
    request = asked(
        user("Menu?"),
        assistant(thought("s1"), *searches("srv_1"), call("a")),
        user(result("a", "Booked")),
        model=NEWEST,
    )

    made = mended(request, NOT_TAKEN)

    assert made.body["messages"][1] == assistant(call("a"))
    assert "thinking" in made.body


def test_manual_thinking_is_not_asked_for_then() -> None:
    """A loop that goes on without its own would be rejected for that."""
    request = asked(
        user("Menu?"),
        assistant(thought("s1"), *searches("srv_1"), call("a")),
        user(result("a", "Booked")),
        thinking=MANUAL,
        max_tokens=4096,
    )

    assert "thinking" not in mended(request, NOT_TAKEN).body


def paused(*content: dict[str, Any]) -> Request:
    return continued(build(model=NEWEST, tools=[WebSearch()]), [*content])


def test_a_paused_answer_is_asked_for_in_words() -> None:
    """Its text would be a prefill; if there was none, the question alone is asked again."""
    spoken = mended(paused(text("I look."), *searches("srv_1")), NOT_TAKEN)
    silent = mended(paused(*searches("srv_1", finished=False)), NOT_TAKEN)

    assert spoken.body["messages"] == [user("Hello"), assistant("I look."), user(".")]
    assert silent.body["messages"] == [user("Hello")]
    assert [spoken.begun, silent.begun] == [0, 0]
    assert [rejected(spoken), rejected(silent)] == [None, None]


def test_later_blocks_stay() -> None:
    """The next request of the loop knows of those before it."""
    first = asked(user("a"), assistant(*searches("srv_1"), call("a")), user(result("a", "b")))
    cause = cause_of(first, ApiError(message=NOT_TAKEN))
    assert cause is not None
    later = asked(
        *first.body["messages"],
        assistant(*searches("srv_2"), call("b")),
        user(result("b", "c")),
    )

    made = cause.mend(later)

    assert made is not None
    kept = [block["id"] for block in made[0].body["messages"][3]["content"] if "id" in block]
    assert made[0].body["messages"][1] == assistant(call("a"))
    assert kept == ["srv_2", "b"]


def test_without_them_it_was_something_else() -> None:
    """The same would be rejected again."""
    request = asked(user("a"), assistant(call("a")), user(result("a", "b")))

    assert cause_of(request, ApiError(message=NOT_TAKEN)) is None
