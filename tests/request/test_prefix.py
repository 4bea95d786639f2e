"""What signed thinking is bound to, and how much of a request is looked at for it."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.prefix import PrefixDigest, prefix_of
from resilient_claude.request.thinking import with_thinking
from tests.request.test_thinking import ASK, THOUGHT, thoughtful
from tests.support.builders import NEWEST, build, chat, user

LONG = "a" * 2_000


def picture(data: str) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"type": "image", "source": source}


def test_a_prefix_can_be_made_of_any_body() -> None:
    """`extra_kwargs` may hold messages of any shape, and the answer is there already."""
    odd = {"messages": [object(), {"role": "user", "content": "Own"}, {"role": "user"}]}

    assert prefix_of(odd | {"system": "Own", "tools": [7, {"type": []}]}, 2) != prefix_of(odd, 2)


@pytest.mark.parametrize(
    ("other", "is_the_same"),
    [(LONG, True), ("b" + LONG[1:], False), (LONG[1:] + "b", False), (LONG + "a", False)],
    ids=["the same", "another beginning", "another end", "longer"],
)
@pytest.mark.parametrize("within", [False, True], ids=["said", "in a result"])
def test_a_picture_is_told_by_its_length_and_its_ends(
    other: str, is_the_same: bool, within: bool
) -> None:
    """Ten of them are megabytes, which would stop the event loop for a tenth of a second."""
    one, two = picture(LONG), picture(other)
    if within:
        one, two = ({"type": "tool_result", "content": [each]} for each in (one, two))
    first, second = ({"messages": [user(each)]} for each in (one, two))

    assert (prefix_of(first, 1) == prefix_of(second, 1)) is is_the_same


def test_of_a_long_picture_the_middle_is_not_read() -> None:
    """So it takes no longer than a small one."""
    middle = LONG[:1_000] + "b" + LONG[1_001:]

    assert prefix_of({"messages": [user(picture(LONG))]}, 1) == prefix_of(
        {"messages": [user(picture(middle))]}, 1
    )


def test_it_goes_on_from_where_it_was() -> None:
    """The same as one that is made anew; a copy goes its own way."""
    messages = [user("one"), user("two"), user("three")]
    digest = PrefixDigest({"messages": messages})
    first = digest.up_to(messages, 1)
    other = digest.copy()

    assert first == prefix_of({"messages": messages}, 1)
    assert digest.up_to(messages, 3) == prefix_of({"messages": messages}, 3)
    assert other.up_to([messages[0], user("else")], 2) != prefix_of({"messages": messages}, 2)


class Counted(dict[str, Any]):
    """A message that counts how often its content is read for a digest."""

    read = 0

    def get(self, key: str, default: Any = None) -> Any:
        Counted.read += 1
        return super().get(key, default)


@pytest.mark.parametrize("holds", [True, False])
def test_a_loop_of_many_steps_looks_at_each_message_once(holds: bool) -> None:
    """Twenty steps looked at four hundred; those of a loop that does not hold, at each twice."""
    items: list[Any] = [ASK]
    for step in range(20):
        items += [thoughtful(f"c{step}", THOUGHT, prefix="of another")]
        items += [("output", f"c{step}", "Sunny")]
    calls = {item.call_id: item for item in items if hasattr(item, "extra")}
    request = build(chat(*items), model=NEWEST)
    if holds:
        for at, call in enumerate(calls.values()):
            call.extra["claude"]["prefix"] = prefix_of(request.body, 1 + 2 * at)
    body = {**request.body, "messages": [Counted(each) for each in request.body["messages"]]}
    Counted.read = 0

    made, _ = with_thinking(body, calls, request.asked)

    assert (made["messages"][-2]["content"][0] == THOUGHT) is holds
    assert Counted.read <= 2 * len(body["messages"])
