"""`CodeExecution`: which version it is sent as."""

from __future__ import annotations

import pytest

from tests.support.server_tools import CodeExecution, definition


def test_it_is_the_newest_version_unless_it_is_named() -> None:
    """All of them run everywhere; an older one is for whoever depends on it."""
    old = CodeExecution(tool_version="code_execution_20250825")

    assert definition(CodeExecution()) == {
        "type": "code_execution_20260521",
        "name": "code_execution",
    }
    assert definition(old)["type"] == "code_execution_20250825"


def test_a_version_that_is_none_is_an_error() -> None:
    """With those that are."""
    with pytest.raises(ValueError, match="or \"code_execution_20250825\", got 'python'"):
        CodeExecution(tool_version="python")  # type: ignore[arg-type]
