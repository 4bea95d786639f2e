"""The container that code ran in, found again in a history."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.container import MOST_ITEMS, container_extra, container_of
from tests.support.builders import build, chat, rejected
from tests.support.server_tools import CodeExecution, WebSearch


def said(extra: Any) -> llm.ChatMessage:
    return llm.ChatMessage(role="assistant", content=["Done."], extra=extra)


def ended(container: Any) -> llm.ChatMessage:
    return said({"claude": {"outcome": "complete", "container": container}})


CALL = llm.FunctionCall(call_id="c", name="f", arguments="{}", extra=container_extra("cont_2"))


def test_the_last_one_counts() -> None:
    """An older one may be gone, or another agent's."""
    assert container_of([ended("cont_1"), CALL]) == "cont_2"
    assert container_of([CALL, ended("cont_1"), said({})]) == "cont_1"
    assert container_of([said({})]) is None


@pytest.mark.parametrize("extra", [{"claude": 7}, {"claude": {}}, {"claude": {"container": 7}}])
def test_a_history_may_hold_anything(extra: Any) -> None:
    """It is stored, edited and passed on."""
    assert container_of([said(extra)]) is None
    assert container_of([ended("../../x y")]) is None


def test_a_long_history_is_not_searched_through() -> None:
    """A turn late in a call costs what an early one does."""
    items = [ended("cont_1"), *[said({}) for _ in range(MOST_ITEMS)]]

    assert container_of(items) is None
    assert container_of(items[:-1]) == "cont_1"


def test_following_requests_name_it_where_code_may_run() -> None:
    """What was made in it is nowhere else."""
    history = chat(("user", "Count."), ended("cont_1"), ("user", "Go on."))
    in_code = WebSearch(allowed_callers=["code_execution_20260120"])

    for tool in (CodeExecution(), in_code):
        request = build(history, tools=[tool])
        assert request.body["container"] == "cont_1"
        assert rejected(request) is None
    assert "container" not in build(history, tools=[WebSearch()]).body


def test_a_container_of_the_application_s_counts() -> None:
    """It may hold files that were put there."""
    history = chat(("user", "Count."), ended("cont_1"), ("user", "Go on."))

    request = build(history, tools=[CodeExecution()], extra={"container": "mine"})

    assert request.body["container"] == "mine"
