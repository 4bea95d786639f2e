"""The table of what may come when, as a whole."""

from __future__ import annotations

from resilient_claude.response.message_states import FOLLOWING, PLACED, STOP_REASON, MessageState
from resilient_claude.response.sse import DONE


def test_every_state_has_a_row_and_is_reached() -> None:
    """A state without a way to it is a promise that nothing keeps."""
    reached = {state for row in FOLLOWING.values() for state in row.values()}

    assert {*FOLLOWING} == {*MessageState}
    assert reached == {*MessageState} - {MessageState.BEFORE_MESSAGE}


def test_only_the_end_of_a_message_finishes_it() -> None:
    """Nothing else may make an answer of what has come; and nothing leads on from there."""
    ends = {
        kind for row in FOLLOWING.values() for kind in row if row[kind] is MessageState.FINISHED
    }

    assert ends == {"message_stop", DONE}
    assert FOLLOWING[MessageState.FINISHED] == {}


def test_the_stop_reason_ends_the_content() -> None:
    """No block begins after it: it might be said to somebody who has heard the end."""
    for state in (MessageState.IN_LAST_BLOCK, MessageState.AFTER_CONTENT):
        assert "content_block_start" not in FOLLOWING[state]
    assert all(
        row[STOP_REASON] in (MessageState.IN_LAST_BLOCK, MessageState.AFTER_CONTENT)
        for row in FOLLOWING.values()
        if STOP_REASON in row
    )


def test_what_is_not_claudes_has_no_place() -> None:
    """Where it means nothing, it is passed over."""
    assert DONE not in PLACED
    assert "ping" not in PLACED
