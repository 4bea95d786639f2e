"""The kinds of values that the API's fields have, where an application writes them itself."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.field_shapes import check_shapes


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": "1024"}, "max_tokens must be an int, got str"),
        ({"max_tokens": True}, "max_tokens must be an int, got bool"),
        ({"mcp_servers": "shop"}, "mcp_servers must be a list of dicts, got str"),
        ({"metadata": "caller-7"}, "metadata must be a dict, got str"),
        ({"output_config": "low"}, "output_config must be a dict, got str"),
        ({"stop_sequences": "END"}, "stop_sequences must be a list, got str"),
        ({"system": 7}, "system must be a str or a list, got int"),
        ({"thinking": "adaptive"}, "thinking must be a dict, got str"),
        ({"tool_choice": "auto"}, "tool_choice must be a dict, got str"),
        ({"tools": [7]}, "tools must be a list of dicts, got list"),
    ],
    ids=str,
)
def test_a_value_of_the_wrong_kind_is_refused(fields: dict[str, Any], message: str) -> None:
    """The API would refuse it in every turn, with the caller on the line."""
    with pytest.raises(TypeError) as caught:
        check_shapes(fields)

    assert str(caught.value) == message


def test_the_message_says_which_argument_holds_it() -> None:
    """`thinking` is an argument of the constructor too, and was given rightly there."""
    with pytest.raises(TypeError, match=r"^extra_body\['thinking'\] must be a dict, got str$"):
        check_shapes({"thinking": "adaptive"}, "extra_body")


def test_what_the_api_takes_is_let_through() -> None:
    """None too, which is sent as null; and fields of which nothing is known here."""
    check_shapes(
        {
            "max_tokens": 7,
            "metadata": None,
            "stop_sequences": ("END",),
            "system": "Be brief.",
            "tools": [{"name": "a"}],
            "fallbacks": "default",
        }
    )
