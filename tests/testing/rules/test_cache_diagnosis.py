"""Why the prompt cache missed, as the simulated API tells it."""

from typing import Any

import pytest

from resilient_claude.testing.rules.cache_diagnosis import CacheDiagnoses


def asked(previous: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-5",
        "messages": [{"role": "user", "content": "Hello?"}],
        "diagnostics": {"previous_message_id": previous},
        **fields,
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"max_tokens": 5}, None),
        ({"model": "claude-opus-5"}, "model_changed"),
        ({"system": "Be kind."}, "system_changed"),
        ({"tools": [{"name": "a"}]}, "tools_changed"),
        ({"thinking": {"type": "adaptive"}}, "unavailable"),
        ({"messages": [{"role": "user", "content": "Hi."}]}, "messages_changed"),
        ({"diagnostics": {"previous_message_id": "msg_9"}}, "previous_message_not_found"),
        ({"diagnostics": None}, None),
    ],
)
def test_it_names_what_differs_first(change: dict[str, Any], reason: str | None) -> None:
    """From the request whose message is named."""
    diagnoses = CacheDiagnoses()
    assert diagnoses.of(asked(None), "msg_1") is None

    told = diagnoses.of(asked("msg_1") | change, "msg_2")

    assert (told and told["cache_miss_reason"]["type"]) == reason


def test_marks_are_no_difference() -> None:
    """They move from turn to turn."""
    diagnoses = CacheDiagnoses()
    diagnoses.of(asked(None), "msg_1")
    block = {"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral"}}
    bare = {"type": "text", "text": "Hi."}
    diagnoses.of(asked(None, system=[block]), "msg_2")

    assert diagnoses.of(asked("msg_2", system=[bare]), "msg_3") is None
