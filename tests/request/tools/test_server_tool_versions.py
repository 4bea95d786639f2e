"""Which version of a server tool goes to which model and platform."""

from __future__ import annotations

import pytest

from resilient_claude.request.platforms import BEDROCK, FOUNDRY, VERTEX
from resilient_claude.request.tools.server_tool_versions import Unavailable
from tests.support.server_tools import recipient

OLD_CODE = "code_execution_20250825"


def test_the_newest_version_is_sent_by_default() -> None:
    """ "Older tool versions aren't guaranteed to stay compatible with newer models." """
    asked = recipient("claude-haiku-5-5", FOUNDRY)

    assert asked.version_of("web_search", None) == "web_search_20260318"
    assert asked.version_of("code_execution", None) == "code_execution_20260521"


def test_a_platform_without_code_gets_the_basic_search() -> None:
    """On Google Cloud, "only the basic web search tool is available"."""
    assert recipient(platform=VERTEX).version_of("web_search", None) == "web_search_20250305"


def test_what_a_platform_lacks_is_said_with_what_it_has() -> None:
    """Whoever moves to another cloud reads it in one line."""
    with pytest.raises(Unavailable, match=r"Amazon Bedrock does not have it; it has tool_search$"):
        recipient(platform=BEDROCK).version_of("web_search", None)


def test_what_a_model_lacks_is_said_with_what_it_takes() -> None:
    """The API would refuse the whole request for it."""
    with pytest.raises(Unavailable, match="does not take it; it takes web_search, web_fetch"):
        recipient("claude-sonnet-4-20250514").check_takes("tool_search")


def test_a_model_that_is_not_documented_may_take_anything() -> None:
    """The application may know more than we do."""
    recipient("claude-haiku-7").check_takes("tool_search")


def test_a_version_that_is_not_there_is_said_with_those_that_are() -> None:
    """As on a cloud that is behind."""
    with pytest.raises(Unavailable, match="takes web_search_20250305 of it, not web_search_2026"):
        recipient(platform=VERTEX).version_of("web_search", "web_search_20260318")


def test_beside_old_code_execution_the_web_is_searched_by_the_old_version() -> None:
    """The API "rejects older code execution versions alongside these web tool versions"."""
    asked = recipient(code_execution=OLD_CODE)

    assert asked.version_of("web_search", None) == "web_search_20250305"
    with pytest.raises(Unavailable, match=f"beside {OLD_CODE}"):
        asked.version_of("web_fetch", "web_fetch_20260309")


def test_what_needs_a_newer_version_gets_one() -> None:
    """`use_cache` came with one, and is unknown to those before it."""
    asked = recipient(code_execution=OLD_CODE)

    with pytest.raises(Unavailable, match="not web_fetch_20260309"):
        asked.version_of("web_fetch", None, needed="web_fetch_20260309")


@pytest.mark.parametrize(
    ("model", "callers"),
    [("claude-haiku-4-5", ["direct"]), ("claude-sonnet-4-6", ["code_execution_20260120"])],
)
def test_code_calls_tools_only_where_it_can(model: str, callers: list[str]) -> None:
    """Without programmatic calls, all but "direct" is a 400."""
    sent, why = recipient(model).callers(["code_execution_20260120"])

    assert sent == callers
    assert (why is None) == (model == "claude-sonnet-4-6")
