"""The rules for messages and their order."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing.script.thoughts import seal
from tests.testing.rules.bodies import (
    CALL,
    OLD_MODEL,
    RESULT,
    USER,
    body,
    called,
    check_refused,
    error_of,
    history,
    said,
    text,
)

SEALED: dict[str, Any] = {
    "type": "thinking",
    "thinking": "I look.",
    "signature": seal("I look.", [text("Well.")]),
}
CHANGED = "cannot be modified. These blocks must remain as they were"


def remembered(*blocks: dict[str, Any]) -> object:
    """A call behind *blocks*, and its result."""
    return history(USER, said(*blocks, CALL, role="assistant"), said(RESULT))


VALID: dict[str, Any] = {
    "thinking_in_its_place": remembered(text("Well."), SEALED),
    "thinking_of_others": remembered({**SEALED, "signature": "c2lnbmVk"}),
    "user_twice": body(messages=[USER, USER]),
    "tool_round": history(USER, called(), said(RESULT, text("And now?"))),
    "tool_results_in_two_messages": history(
        USER,
        said(CALL, {**CALL, "id": "toolu_2"}, role="assistant"),
        said(RESULT),
        said({**RESULT, "tool_use_id": "toolu_2"}),
    ),
    "prefill_before_4_6": body(
        model=OLD_MODEL, messages=[USER, {"role": "assistant", "content": "The answer"}]
    ),
    "prefill_empty_before_4_6": body(
        model=OLD_MODEL, messages=[USER, {"role": "assistant", "content": []}]
    ),
    "system_message": body(messages=[USER, {"role": "system", "content": "Be brief."}]),
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_a_valid_request_is_accepted(value: dict[str, Any]) -> None:
    """A rule that is too strict would fail code that works."""
    assert error_of(value) is None


INVALID: dict[str, tuple[object, str]] = {
    "thinking_elsewhere": (remembered(SEALED, text("Well.")), CHANGED),
    "thinking_behind_other_words": (remembered(text("Well. I look."), SEALED), CHANGED),
    "thinking_changed": (remembered(text("Well."), {**SEALED, "thinking": "I lo"}), CHANGED),
    "messages_empty": (body(messages=[]), "messages: at least one message is required"),
    "messages_many": (body(messages=[0] * 100_001), "at most 100000 messages"),
    "message_type": (body(messages=["Hi"]), "messages.0: Input should be a valid object"),
    "role_missing": (body(messages=[{"content": "Hi"}]), "messages.0.role: Field required"),
    "role_unknown": (
        body(messages=[{"role": "tool", "content": "Hi"}]),
        "messages.0.role: Input should be 'user', 'assistant'",
    ),
    "content_missing": (body(messages=[{"role": "user"}]), "messages.0.content: Field required"),
    "content_type": (
        body(messages=[{"role": "user", "content": 1}]),
        "messages.0.content: Input should be a valid list",
    ),
    "message_field": (
        body(messages=[{**USER, "name": "me"}]),
        "messages.0.name: Extra inputs are not permitted",
    ),
    "content_empty_string": (
        body(messages=[{"role": "user", "content": ""}]),
        "messages.0: all messages must have non-empty content",
    ),
    "content_empty_list": (body(messages=[said()]), "messages.0: all messages must have non-empty"),
    "assistant_empty_within": (
        body(messages=[USER, {"role": "assistant", "content": ""}, USER]),
        "messages.1: all messages must have non-empty content",
    ),
    "first_is_assistant": (
        body(messages=[{"role": "assistant", "content": "Hi"}, USER]),
        'first message must use the "user" role',
    ),
    "content_blank": (
        body(messages=[{"role": "user", "content": " \n"}]),
        "text content blocks must contain non-whitespace text",
    ),
    "text_empty": (body(messages=[said(text(""))]), "text content blocks must be non-empty"),
    "text_blank": (body(messages=[said(text(" "))]), "must contain non-whitespace text"),
    "system_message_early_model": (
        body(model="claude-sonnet-5", messages=[USER, {"role": "system", "content": "Hi"}]),
        "messages.1: role 'system' is not supported on this model",
    ),
    "system_message_place": (
        body(
            messages=[
                USER,
                {"role": "assistant", "content": "Hi"},
                {"role": "system", "content": "Hi"},
            ]
        ),
        "messages.2: role 'system' must come immediately after a user turn",
    ),
    "call_unanswered": (
        history(USER, called(), USER),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "
        "toolu_1",
    ),
    "call_at_the_end": (history(USER, called()), "messages.1: `tool_use` ids were found without"),
    "call_answered_late": (
        history(USER, called(), said(text("Well,"), RESULT)),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
    ),
    "result_unexpected": (
        history(said(RESULT)),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1",
    ),
    "result_twice": (
        history(USER, called(), said(RESULT, RESULT)),
        "messages.2.content.1: each tool_use must have a single result. Found multiple "
        "`tool_result` blocks with id: toolu_1",
    ),
    "call_ids_repeated": (
        history(USER, called(), said(RESULT), called(), said(RESULT)),
        "messages: `tool_use` ids must be unique",
    ),
    "prefill_from_4_6": (
        body(model="claude-opus-4-6", messages=[USER, {"role": "assistant", "content": "The"}]),
        "This model does not support assistant message prefill.",
    ),
    "prefill_whitespace": (
        body(model=OLD_MODEL, messages=[USER, {"role": "assistant", "content": "The "}]),
        "messages: final assistant content cannot end with trailing whitespace",
    ),
}


@pytest.mark.parametrize(("value", "message"), INVALID.values(), ids=INVALID)
def test_a_request_that_breaks_a_rule_is_refused(value: object, message: str) -> None:
    """With a 400 that says which."""
    check_refused(value, message)
