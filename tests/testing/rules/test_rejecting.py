"""A Claude that takes less: which requests it rejects, and in which words."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.rules.rejecting import Part, check_parts, rejection
from tests.testing.raw_client import BODY, RawClient

USER = {"role": "user", "content": "Hi."}
PICTURE = {"type": "image", "source": {}}
WITH: dict[Part, dict[str, Any]] = {
    "prefill": {"messages": [USER, {"role": "assistant", "content": "So"}]},
    "forced_tool": {"tool_choice": {"type": "any"}},
    "sampling": {"top_p": 0.5},
    "thinking": {"thinking": {"type": "disabled"}},
    "effort": {"output_config": {"effort": "low"}},
    "strict_tools": {"tools": [{"name": "a", "strict": True}]},
    "thinking_blocks": {
        "messages": [USER, {"role": "assistant", "content": [{"type": "thinking"}]}, USER]
    },
    "images": {"messages": [{"role": "user", "content": [PICTURE]}]},
    "container": {"container": "container_1"},
    "server_blocks": {
        "messages": [
            USER,
            {"role": "assistant", "content": [{"type": "web_fetch_tool_result"}]},
            USER,
        ]
    },
}
IN_A_RESULT = {"type": "tool_result", "content": [{"type": "text", "text": "Look:"}, PICTURE]}


def words(part: Part, body: Any, **headers: str) -> str | None:
    """What is said to a request with this body, if it is rejected."""
    error = rejection([part], headers, {"messages": [USER], **body} if body is not None else None)
    if error is None or error.body is None:
        return None if error is None else error.message
    return str(error.body["error"]["message"])  # type: ignore[index, call-overload]


def test_one_name_is_no_list_of_names() -> None:
    """It would be one of letters, and the message about the first of them."""
    with pytest.raises(TypeError, match="rejects must be a list of names, got 'effort'"):
        check_parts("effort")  # type: ignore[arg-type]


@pytest.mark.parametrize("part", WITH)
def test_a_request_with_the_part_is_rejected_and_no_other_one(part: Part) -> None:
    """Else no request could be mended."""
    assert words(part, WITH[part]) is not None
    assert [other for other in WITH if other != part and words(part, WITH[other])] == []
    assert words(part, {}) is None


def test_betas_are_rejected_by_name() -> None:
    """They stand in a header."""
    said = words("betas", {}, **{"anthropic-beta": "a-1, b-2"})

    assert said is not None
    assert said.startswith("Unexpected value(s) `a-1`, `b-2` for the `anthropic-beta` header.")
    assert words("betas", {}) is None


def test_an_image_is_named_by_its_place_and_by_a_code() -> None:
    """In the result of a tool too."""
    body = {"messages": [USER, {"role": "user", "content": [IN_A_RESULT]}]}
    error = rejection(["images"], {}, body)

    assert error is not None
    assert error.body == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "messages.1.content.0.tool_result.content.1.image.source.base64.data: At "
            "least one of the image dimensions exceed max allowed size: 8000 pixels",
            "details": {"error_code": "image_dimensions_too_large"},
        },
    }


def test_adaptive_thinking_has_words_of_its_own() -> None:
    """As older models have for it."""
    said = words("thinking", {"thinking": {"type": "adaptive"}})

    assert said == "adaptive thinking is not supported on this model"


@pytest.mark.parametrize("body", [None, [], {}, {"messages": []}, {"messages": [7, {}]}])
def test_a_body_of_another_shape_is_for_the_rules(body: Any) -> None:
    """They have words for it."""
    assert [rejection([part], {}, body) for part in get_args(Part)] == [None] * 11


def test_a_part_that_is_none_is_an_error() -> None:
    """A slip of the pen would reject nothing, and the test would pass."""
    with pytest.raises(ValueError, match="got 'imagse'"):
        check_parts(["imagse"])  # type: ignore[list-item]


def test_the_server_rejects_and_the_step_is_consumed() -> None:
    """As a rule that is broken consumes it."""
    cold = {**BODY, "model": "claude-sonnet-4-6", "temperature": 0.5}
    answers = []
    with SimulatedClaude(Answer("One."), Answer("Two."), rejects=["sampling"]) as claude:
        for body in (cold, BODY):
            with RawClient(claude) as client:
                client.send(body)
                answers.append(client.read_until_quiet())

        assert [request.body.get("temperature") for request in claude.requests] == [0.5, None]
    assert b"`temperature` is deprecated" in answers[0]
    assert b"Two." in answers[1]
