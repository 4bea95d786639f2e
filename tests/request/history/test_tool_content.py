"""What calls were given and what came of them: sent as it was, or as much of it as can be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.history.tool_content import Content, input_of, result_of
from tests.support.pictures import encoded, jpeg

DIGITS = "1" * 5_000


def result(output: Any, *, is_error: bool = False) -> Content:
    item = llm.FunctionCallOutput(call_id="a", name="x", output="", is_error=is_error)
    item.output = output
    return result_of(item)


@pytest.mark.parametrize(
    ("arguments", "value", "exact"),
    [
        ("", {}, True),
        ("{}", {}, True),
        ('{"a": [1, "x", null]}', {"a": [1, "x", None]}, True),
        ('{"a": 1.5}', {"a": 1.5}, False),
        ('{"a": NaN}', {"a": None}, False),
        ('{"a": "\\ud83d"}', {"a": "\ud83d"}, False),
        ("[1]", {}, True),
        ("7", {}, True),
        ({"a": 1}, {"a": 1}, False),
    ],
)
def test_arguments_are_sent_as_they_were(arguments: Any, value: Any, exact: bool) -> None:
    """livekit does not check what is assigned to them."""
    assert input_of(arguments) == Content(value, exact)


@pytest.mark.parametrize(
    "arguments",
    [
        '{"a":' * 1_000 + "1" + "}" * 1_000,
        '{"a":' * 150 + "1" + "}" * 150,
        '{"a": ' + "[" * 100_000,
    ],
    ids=["1,000 deep", "150 deep", "never closed"],
)
def test_arguments_that_nobody_can_write_are_left_out_with_a_word(arguments: str) -> None:
    """The call has its result; an exception would be one in every later turn."""
    value, _, left_out, _ = input_of(arguments)

    assert value == {}
    assert len(left_out) == 1


def test_a_number_that_nobody_can_write_is_no_exception() -> None:
    """Python reads at most 4,300 digits; livekit's repair, where there is one, keeps them."""
    assert input_of('{"a": ' + DIGITS + "}").value in ({}, {"a": DIGITS})


@pytest.mark.parametrize(
    "output",
    [
        "",
        "Sunny",
        "[" * 1_000,
        "[" * 100_000,
        f"[{DIGITS}]",
        "[1e400]",
        '[{"type": "text", "text": "a"}, {"type": "room"}]',
        '[{"type": "document", "source": {}}]',
        '[{"type": "document", "source": {"type": "file"}}]',
        '[{"type": "document", "source": {"type": "content", "content": 5}}]',
        '[{"type": "document", "source": {"type": "scroll", "data": "x"}}]',
        '[{"type": "document", "source": ' + '{"a":' * 120 + "1" + "}" * 120 + "}]",
    ],
)
def test_an_output_is_text_unless_it_is_content_blocks(output: str) -> None:
    """livekit decodes any list, and raises for what cannot be decoded."""
    assert result(output) == Content(output)


def test_an_output_that_is_no_text_is_written_as_one() -> None:
    """livekit does not check what is assigned."""
    assert result(7) == Content("7")


def block(kind: str, **source: Any) -> dict[str, Any]:
    return {"type": kind, "source": source}


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (
            block("image", type="base64", media_type="image/JPG", data=encoded(jpeg())),
            block("image", type="base64", media_type="image/jpeg", data=encoded(jpeg())),
        ),
        (
            block("image", type="base64", media_type="image/heic", data="b2Rk"),
            {"type": "text", "text": "[Left out: an image of type image/heic]"},
        ),
        (
            block("document", type="text", data="x"),
            block("document", type="text", media_type="text/plain", data="x"),
        ),
        (
            block("document", type="base64", media_type="application/msword", data="b2Rk"),
            {"type": "text", "text": "[Left out: a document of a type that Claude does not read]"},
        ),
        (
            block("document", type="base64", media_type="application/pdf", data="JVBE Ri0x\n"),
            block("document", type="base64", media_type="application/pdf", data="JVBERi0x"),
        ),
        (
            block("document", type="base64", media_type="application/pdf", data="!!!"),
            {"type": "text", "text": "[Left out: a document that is empty]"},
        ),
        (
            block("document", type="base64", media_type="application/pdf", data="JVBER"),
            {"type": "text", "text": "[Left out: a document whose base64 cannot be read]"},
        ),
        (
            block("document", type="url", url="https://x.invalid/a.pdf"),
            block("document", type="url", url="https://x.invalid/a.pdf"),
        ),
        (
            block("document", type="url", url="s3://bucket/a.pdf"),
            {
                "type": "text",
                "text": "[Left out: a document whose URL is not one that Claude can fetch]",
            },
        ),
    ],
)
def test_media_in_an_output_are_what_the_api_takes(part: Any, sent: Any) -> None:
    """One photo of a telephone in a tool's result would end the call."""
    value, exact, left_out, media = result(json.dumps([{"type": "text", "text": "Look:"}, part]))

    assert value == [{"type": "text", "text": "Look:"}, sent]
    assert not exact
    assert bool(left_out) == (sent["type"] == "text")
    assert [medium.block for medium in media] == [each for each in value[1:] if not left_out]


def test_an_error_is_told_in_text() -> None:
    """The API: "all content must be type `text` if `is_error` is true"."""
    blocks = json.dumps([block("image", type="url", url="https://x.invalid/a.png")])

    assert result(blocks, is_error=True) == Content(blocks)
    assert result("", is_error=True) == Content("Error")
