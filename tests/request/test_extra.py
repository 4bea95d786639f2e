"""`extra_kwargs` win over everything, as far as they can be sent."""

from __future__ import annotations

import json
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

import anthropic
import httpx2
import pytest
from livekit.agents.types import NOT_GIVEN
from pydantic import BaseModel, Field

from resilient_claude.request.build import build_request
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Adjustment
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.request.tools.test_definitions import BOOK
from tests.support.builders import HELLO, NEWEST, PREFILL, SAMPLING, assistant, build, chat, user


def test_extra_kwargs_win_over_everything() -> None:
    """They are the caller's last word about this turn."""
    request = build(
        tool_choice="required",
        user="u",
        extra={
            "model": PREFILL,
            "max_tokens": 5,
            "tools": [BOOK],
            "tool_choice": {"type": "auto"},
            "system": "Own",
            "messages": [user("Own")],
            "metadata": {"user_id": "v", "more": 1},
            "extra_body": {"max_tokens": 6, "z": 1},
        },
    )

    assert request.body == {
        "max_tokens": 6,
        "messages": [user("Own")],
        "model": PREFILL,
        "metadata": {"user_id": "v", "more": 1},
        "stream": True,
        "system": "Own",
        "tool_choice": {"type": "auto"},
        "tools": [BOOK],
        "z": 1,
    }


def test_the_model_of_extra_kwargs_decides_what_is_accepted() -> None:
    """A turn may be sent to another model than the constructor's."""
    request = build(
        chat(("user", "a"), ("assistant", "b")),
        model=NEWEST,
        temperature=0.1,
        extra={"extra_body": {"model": PREFILL}},
    )

    assert request.body["messages"] == [user("a"), assistant("b")]
    assert request.body["temperature"] == 0.1


def test_metadata_keeps_the_user_beside_the_callers_own() -> None:
    """`user=` must not vanish because a turn adds a field."""
    request = build(user="u", extra={"metadata": {"more": 1}})

    assert request.body["metadata"] == {"user_id": "u", "more": 1}


def test_extra_headers_win_whatever_their_case() -> None:
    """Two spellings of one header would be sent as two headers."""
    request = build(
        temperature=1,
        extra={
            "betas": ["a"],
            "user_profile_id": "p",
            "workspace_id": "w",
            "extra_headers": {"Anthropic-Beta": "b", "ANTHROPIC-WORKSPACE-ID": "x"},
            "extra_query": {"beta": "false", "q": 1},
        },
    )

    assert request.headers == {
        "anthropic-version": "2023-06-01",
        "anthropic-user-profile-id": "p",
        "Anthropic-Beta": "b",
        "ANTHROPIC-WORKSPACE-ID": "x",
    }
    assert request.query == {"beta": "false", "q": 1}


@pytest.mark.parametrize("key", [1, None, True, 1.5])
def test_a_field_that_no_json_has_is_refused(key: object) -> None:
    """It would become a body that is no JSON."""
    with pytest.raises(TypeError, match=f"extra_body must have strings for keys, got {key!r}"):
        build(extra={"extra_body": {key: "v"}})


@pytest.mark.parametrize("absent", [NOT_GIVEN, anthropic.NOT_GIVEN, anthropic.omit])
def test_absent_values_are_not_sent(absent: object) -> None:
    """livekit and the SDK each have their own way to say nothing."""
    extra = {"thinking": absent, "extra_body": {"x": absent}, "timeout": absent, "betas": absent}

    assert build(extra=extra) == build()
    assert (
        build_request(
            FixedFields.of(RequestOptions(model=SAMPLING)),
            HELLO,
            extra_kwargs=NOT_GIVEN,
            schemas=ToolSchemas(),
        )
        == build()
    )


class Params(BaseModel):
    kind: Literal["adaptive"] = Field(default="adaptive", alias="type")


def test_values_that_the_sdk_encodes_are_encoded() -> None:
    """Whoever passes a pydantic model, a tuple or a date to `create()` may pass it here."""
    request = build(
        extra={
            "thinking": Params(type="adaptive"),
            "stop_sequences": ("a", "b"),
            "output_config": MappingProxyType({"effort": "low"}),
            "container": date(2026, 11, 23),
        }
    )

    sent = json.loads(request.content())
    assert [sent[k] for k in ("thinking", "stop_sequences", "output_config", "container")] == [
        {"type": "adaptive"},
        ["a", "b"],
        {"effort": "low"},
        "2026-11-23",
    ]


def test_a_timeout_that_is_no_number_is_reported() -> None:
    """One number bounds the turn here; four phases of httpx2 have no place to go."""
    request = build(extra={"timeout": httpx2.Timeout(5)})

    assert request.timeout_s is None
    assert request.adjustments == (
        Adjustment("timeout", "ignored: must be a number of seconds, got Timeout"),
    )


CYCLE: dict[str, Any] = {}
CYCLE["cycle"] = CYCLE


@pytest.mark.parametrize(
    ("extra", "error", "message"),
    [
        ({"output_config": CYCLE}, TypeError, "output_config cannot be sent as JSON"),
        ({"stream": False}, ValueError, "stream must stay true: only streams are read here"),
        ({"extra_body": {"stream": False}}, ValueError, "stream must stay true: only streams .*"),
        ({"timeout": 0}, ValueError, "timeout must be > 0, got 0"),
        ({"timeout": float("nan")}, ValueError, "timeout must be > 0, got nan"),
        ({"model": 5}, TypeError, "model must be a string, got int"),
        ({"metadata": "secret"}, TypeError, "metadata must be a dict, got str"),
        ({"extra_headers": "secret"}, TypeError, "extra_headers must be a dict, got str"),
        ({"extra_body": ["secret"]}, TypeError, "extra_body must be a dict, got list"),
        ({"betas": "secret"}, TypeError, "betas must be a list of strings.*"),
        ({"betas": [1]}, TypeError, "betas must be a list of strings.*"),
        ({"betas": 1}, TypeError, "betas must be a list of strings.*"),
        ({"thinking": object()}, TypeError, "thinking cannot be sent as JSON"),
        ({"output_config": {"secret": b"secret"}}, TypeError, "output_config cannot be .*"),
        ({"extra_body": {"x": float("inf")}}, TypeError, "x cannot be sent as JSON"),
        (
            {"tools": [{"name": {1, 2}, "x": object()}]},
            TypeError,
            "tools cannot be sent as JSON: objects go into the agent's tools",
        ),
        ({"model": ""}, ValueError, "model must not be empty: leave it out for the adapter's own"),
        (
            {"effort": "low"},
            TypeError,
            "extra_kwargs must not have 'effort', which is no argument of messages.create: give "
            r'output_config=\{"effort": ...\}',
        ),
        ({"user": "secret"}, TypeError, "extra_kwargs must not have 'user', .*metadata=.*"),
        ({"caching": "secret"}, TypeError, "extra_kwargs must not have 'caching', .*update_o.*"),
        ({"progress": "secret"}, TypeError, "extra_kwargs must not have 'progress', .*"),
        ({"model_like": "secret"}, TypeError, "extra_kwargs must not have 'model_like', .*"),
    ],
)
def test_bad_extra_kwargs_are_refused_by_name_without_their_value(
    extra: dict[str, Any], error: type[Exception], message: str
) -> None:
    """It raises in `chat()`, before a task exists, and may be logged: no value in the words."""
    with pytest.raises(error, match=f"^{message}$") as caught:
        build(extra=extra)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [{"x-t": 5}, {"x-t": None}, {"x-t": b"x"}, {"x-t": ["a"]}, {5: "v"}, {"x t": "v"}]
    + [{"x-t": f"v{bad}v"} for bad in ("\r\nb: c", "\n", "\0", "\ud83d")],
    ids=repr,
)
def test_headers_that_cannot_be_sent_are_refused_at_once(headers: dict[Any, Any]) -> None:
    """In the turn they were a bug in aiohttp or httpx2, of which no line names the argument."""
    with pytest.raises((TypeError, ValueError), match=r"extra_headers|the header x-t") as refused:
        build(extra={"extra_headers": headers})

    assert "v\n" not in str(refused.value)


@pytest.mark.parametrize("extra", [{"betas": ["a\nb"]}, {"user_profile_id": 7}], ids=repr)
def test_what_travels_as_a_header_is_held_to_the_same(extra: dict[str, Any]) -> None:
    """Whatever argument it came by."""
    with pytest.raises((TypeError, ValueError), match="the header anthropic-"):
        build(extra=extra)


SPOKEN = {"type": "text", "text": "My number is 4711."}


@pytest.mark.parametrize(
    "messages",
    [
        [
            {
                "role": "user",
                "content": [anthropic.types.TextBlock(type="text", text=SPOKEN["text"])],
            }
        ],
        [MappingProxyType({"role": "user", "content": iter([SPOKEN])})],
        ({"role": "user", "content": (block,)} for block in [SPOKEN]),
    ],
    ids=["models", "mappings", "a generator"],
)
def test_own_messages_are_read_once_into_plain_json(messages: Any) -> None:
    """What is private in them is looked for in dicts and lists, and a resume sends them again."""
    request = build(extra={"messages": messages})

    assert json.loads(request.content())["messages"] == request.body["messages"]
    assert request.body["messages"][0]["content"][0]["text"] == SPOKEN["text"]
