"""The rules for one content block."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.pictures import base64_source, png
from tests.testing.rules.bodies import (
    CACHED,
    CALL,
    NEW,
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

VALID: dict[str, Any] = {
    "tool_result_without_content": history(
        USER, called(), said({"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True})
    ),
    "tool_result_with_blocks": history(USER, called(), said({**RESULT, "content": [text("x")]})),
    "tool_reference": history(
        USER,
        called(),
        said({**RESULT, "content": [{"type": "tool_reference", "tool_name": "find"}]}),
    ),
    "server_tool_blocks": body(
        messages=[
            USER,
            said({"type": "server_tool_use", "id": "s", "name": "web_search"}, role="assistant"),
        ]
    ),
    "thinking_block": body(
        messages=[
            USER,
            said({"type": "thinking", "thinking": "", "signature": "s"}, role="assistant"),
            USER,
        ]
    ),
    "image": body(
        messages=[
            said(
                {
                    "type": "image",
                    "source": base64_source(png()),
                }
            )
        ]
    ),
    "image_url": body(
        messages=[said({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}})]
    ),
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_a_valid_request_is_accepted(value: dict[str, Any]) -> None:
    """A rule that is too strict would fail code that works."""
    assert error_of(value) is None


BAD_IMAGE = {"type": "base64", "media_type": "image/tiff", "data": "x"}


INVALID: dict[str, tuple[object, str]] = {
    "block_type": (
        body(messages=[said("Hi")]),
        "messages.0.content.0: Input should be a valid obj",
    ),
    "block_untyped": (body(messages=[said({})]), "messages.0.content.0.type: Field required"),
    "block_unknown": (
        body(messages=[said({"type": "audio"})]),
        "messages.0.content.0: Input tag 'audio' found using 'type' does not match",
    ),
    "block_field_missing": (
        body(messages=[said({"type": "text"})]),
        "messages.0.content.0.text.text: Field required",
    ),
    "block_field_type": (
        body(messages=[said({"type": "text", "text": 1})]),
        "messages.0.content.0.text.text: Input should be a valid string",
    ),
    "block_field_unknown": (
        body(messages=[said(text("Hi", id="x"))]),
        "messages.0.content.0.text.id: Extra inputs are not permitted",
    ),
    "thinking_is_not_cacheable": (
        body(
            messages=[
                USER,
                said(
                    {"type": "thinking", "thinking": "", "signature": "", "cache_control": CACHED},
                    role="assistant",
                ),
                USER,
            ]
        ),
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    "call_by_user": (
        history(said(CALL)),
        "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
    ),
    "result_by_assistant": (
        history(USER, said(RESULT, role="assistant"), USER),
        "messages.1.content.0: `tool_result` blocks can only be in `user` messages",
    ),
    "call_id_pattern": (
        history(USER, said({**CALL, "id": "a b"}, role="assistant"), USER),
        "messages.1.content.0.tool_use.id: String should match pattern",
    ),
    "call_name_empty": (
        history(USER, said({**CALL, "name": ""}, role="assistant"), USER),
        "messages.1.content.0.tool_use.name: String should have at least 1 character",
    ),
    "call_name_dotted": (
        history(USER, said({**CALL, "name": "find.it"}, role="assistant"), USER),
        "messages.1.content.0.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    "call_name_length": (
        history(USER, said({**CALL, "name": "a" * 201}, role="assistant"), USER),
        "messages.1.content.0.tool_use.name: String should have at most 200 characters",
    ),
    "call_name_of_129": (
        history(USER, said({**CALL, "name": "a" * 129}, role="assistant"), USER),
        "messages.1.content.0.tool_use.name: String should match pattern",
    ),
    "result_image_of_an_error": (
        history(
            USER,
            called(),
            said(
                {
                    **RESULT,
                    "is_error": True,
                    "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}],
                }
            ),
        ),
        "messages.2.content.0.tool_result: all content must be type `text` if `is_error` is true",
    ),
    "call_input_type": (
        history(USER, said({**CALL, "input": "{}"}, role="assistant"), USER),
        "messages.1.content.0.tool_use.input: Input should be a valid object",
    ),
    "result_is_error_type": (
        history(USER, called(), said({**RESULT, "is_error": "no"})),
        "tool_result.is_error: Input should be a valid boolean",
    ),
    "result_content_type": (
        history(USER, called(), said({**RESULT, "content": 1})),
        "tool_result.content: Input should be a valid list",
    ),
    "result_content_block": (
        history(USER, called(), said({**RESULT, "content": [CALL]})),
        "tool_result.content.0.type: Input should be 'text'",
    ),
    "result_content_text_empty": (
        history(USER, called(), said({**RESULT, "content": [text("")]})),
        "messages: text content blocks must be non-empty",
    ),
    "image_source_type": (
        body(messages=[said({"type": "image", "source": {"type": "path"}})]),
        "image.source.type: Input should be 'base64', 'url', 'file'",
    ),
    "image_media_type": (
        body(messages=[said({"type": "image", "source": BAD_IMAGE})]),
        "media_type: Input should be 'image/jpeg'",
    ),
}


@pytest.mark.parametrize(("value", "message"), INVALID.values(), ids=INVALID)
def test_a_request_that_breaks_a_rule_is_refused(value: object, message: str) -> None:
    """With a 400 that says which."""
    check_refused(value, message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            said(
                {"type": "document", "source": {"type": "url", "url": "https://x"}},
                role="assistant",
            ),
            "`document` blocks can only be in `user` messages",
        ),
        (
            said(text("a", citations=[{}])),
            "messages.1.content.0.text.citations: Extra inputs are not permitted",
        ),
    ],
)
def test_the_version_of_2026_is_stricter_on_blocks(message: Any, expected: str) -> None:
    """Both were accepted before."""
    value = body(messages=[USER, message, USER])

    assert error_of(value) is None
    found = error_of(value, NEW)
    assert found is not None
    assert expected in found[1]
