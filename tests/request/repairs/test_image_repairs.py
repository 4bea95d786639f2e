"""Images that are rejected: a word stands in the place of those, and the others are seen."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.repairs.rejections import cause_of
from resilient_claude.request.request import Request
from tests.support.builders import EPHEMERAL, assistant, build, call, result, text, user

TOO_LARGE = "{}.image.source.base64.data: At least one of the image dimensions exceed max allowed"
WORD = "[Left out: an image that cannot be shown]"


def image(data: str, **more: Any) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"type": "image", "source": source, **more}


def asked(*messages: dict[str, Any]) -> Request:
    """A request with these messages."""
    return build(extra={"messages": [*messages]})


def seen(request: Request, error: ApiError) -> list[Any]:
    """What stands where images were once *request* is mended: their data, or the word."""
    cause = cause_of(request, error)
    assert cause is not None
    made = cause.mend(request)
    assert made is not None
    assert made[1].argument == "chat_ctx"
    assert made[1].reason == "not sent: an image that the API rejects for model claude-sonnet-4-6"
    found: list[Any] = []
    for message in made[0].body["messages"]:
        for block in message["content"]:
            inner = block["content"] if block["type"] == "tool_result" else [block]
            found += [b["source"]["data"] if b["type"] == "image" else b["text"] for b in inner]
    return [what for what in found if what not in ("Look:", "I see.")]


def test_the_image_that_is_named_is_left_out() -> None:
    """The call goes on with what can be seen."""
    request = asked(user("Look:", image("a"), image("b")), assistant("I see."), user(image("c")))

    assert seen(request, ApiError(message=TOO_LARGE.format("messages.0.content.2"))) == [
        *("a", WORD, "c")
    ]


def test_an_image_in_a_tool_s_result_too() -> None:
    """A screenshot, for one."""
    shown = result("x", [image("a"), image("b")])
    request = asked(user("Look:"), assistant(call("x")), user(shown))
    path = "messages.2.content.0.tool_result.content.1"

    cause = cause_of(request, ApiError(message=TOO_LARGE.format(path)))
    assert cause is not None
    made = cause.mend(request)
    assert made is not None
    assert made[0].body["messages"][2]["content"] == [result("x", [image("a"), text(WORD)])]


def test_all_that_are_larger_than_what_is_said_go_with_it() -> None:
    """One is named, and a second rejection would end the turn."""
    request = asked(user(image("a" * 60), image("b" * 90), image("c" * 50)))
    said = (
        "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 60 bytes > 55 bytes"
    )

    assert seen(request, ApiError(message=said)) == [WORD, WORD, "c" * 50]


def test_of_too_many_large_ones_the_last_twenty_are_kept() -> None:
    """Beyond twenty, each may have a quarter of the side that it may have below."""
    request = asked(user(*[image(str(number)) for number in range(22)]))
    said = TOO_LARGE.format("messages.0.content.9") + " size for many-image requests: 2000 pixels"

    assert seen(request, ApiError(message=said)) == [WORD, WORD, *map(str, range(2, 22))]


def test_where_none_is_named_all_go() -> None:
    """A code says what is wrong, and not where."""
    request = asked(user("Look:", image("a")), assistant("I see."), user(image("b")))

    assert seen(request, ApiError(code="image_dimensions_too_large")) == [WORD, WORD]


def test_the_same_image_is_left_out_of_the_next_turn_wherever_it_is_then() -> None:
    """A history grows, and may be cut."""
    request = asked(user("Look:", image("a")), assistant("I see."), user("Well?"))
    cause = cause_of(request, ApiError(message=TOO_LARGE.format("messages.0.content.1")))
    assert cause is not None
    later = asked(user("Hi."), assistant("Hello."), user(image("b"), image("a")))

    made = cause.mend(later)

    assert made is not None
    assert made[0].body["messages"][:2] == later.body["messages"][:2]
    assert made[0].body["messages"][2] == user(image("b"), text(WORD))
    assert cause.mend(asked(user(image("b")))) is None


def test_a_breakpoint_stays_where_it_was() -> None:
    """What is cached up to there is cached again."""
    request = asked(user(image("a", cache_control=EPHEMERAL)))
    cause = cause_of(request, ApiError(message=TOO_LARGE.format("messages.0.content.0")))
    assert cause is not None
    made = cause.mend(request)

    assert made is not None
    assert made[0].body["messages"] == [user(text(WORD, cache_control=EPHEMERAL))]


@pytest.mark.parametrize("source", [{"type": "url", "url": "https://x"}, {"url": 7}, "odd"])
def test_an_image_of_any_source_can_be_left_out(source: Any) -> None:
    """Messages may be of the caller's own."""
    request = asked(user({"type": "image", "source": source}))

    assert seen(request, ApiError(message="Could not process image")) == [WORD]


def test_a_request_without_images_is_as_good_as_it_is() -> None:
    """The same would be rejected again."""
    assert cause_of(asked(user("Hi.")), ApiError(message="Could not process image")) is None
