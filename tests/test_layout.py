"""The direction of imports: what a module may know about the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import resilient_claude

PACKAGE = Path(resilient_claude.__file__).parent

MAY_IMPORT: dict[str, set[str]] = {
    "failures": set(),
    "redaction": set(),
    "causes": {"failures"},
    "known_errors": {"failures"},
    "statuses": {"failures", "known_errors", "redaction"},
    "classify": {"causes", "failures", "known_errors", "redaction", "statuses"},
    "errors": {"causes", "failures", "known_errors"},
    "models": set(),
    "version": set(),
    "sse": {"failures"},
    "retry": {"failures"},
    "history": {"models"},
    "tools": {"models"},
    "request": {"history", "models", "tools"},
    "speech": set(),
    "translate": {"failures", "redaction", "speech", "sse", "statuses"},
    "connection": {"failures"},
    "transport": {
        "connection",
        "failures",
        "redaction",
        "request",
        "retry",
        "sse",
        "translate",
    },
    "log": {"classify", "failures", "request"},
    "turn": {"failures", "translate"},
    "reports": {"errors", "failures", "log", "translate", "turn"},
    "stream": {
        "causes",
        "classify",
        "errors",
        "failures",
        "redaction",
        "reports",
        "request",
        "retry",
        "speech",
        "sse",
        "transport",
        "translate",
        "turn",
    },
    "llm": {"connection", "failures", "log", "request", "retry", "stream", "version"},
    "cli": {"llm", "log", "retry", "failures", "testing", "demo", "version"},
    "demo": {"llm", "log", "retry", "failures", "testing", "version"},
    "__main__": {"cli"},
    "__init__": {"failures", "llm", "retry", "translate", "turn", "version"},
}
"""Each module and the modules of ours it may import. `testing` shall not share our bugs."""


def imports_of(path: Path) -> set[str]:
    """The modules of this package that *path* imports when it runs, by first name."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not is_for_type_checkers(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE.name):
            found.add((node.module or "").partition(".")[2].partition(".")[0])
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found.update(n.partition(".")[2] for n in names if n.startswith(f"{PACKAGE.name}."))
    return found - {""}


def is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_modules_import_only_what_they_may(path: Path) -> None:
    """A pure core stays pure only as long as nothing above it leaks in."""
    assert imports_of(path) <= MAY_IMPORT[path.stem]


def test_testing_imports_nothing_of_ours() -> None:
    """A server that shares our parser would agree with its bugs."""
    parts = {path.stem for path in (PACKAGE / "testing").glob("*.py")}

    for path in (PACKAGE / "testing").glob("*.py"):
        assert imports_of(path) <= parts | {"testing"}, path


def test_every_public_name_can_be_imported() -> None:
    """Names are loaded on first use: a typo would show only then."""
    for name in resilient_claude.__all__:
        assert getattr(resilient_claude, name) is not None
    assert set(resilient_claude.__all__) <= set(dir(resilient_claude))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """`hasattr` and `from resilient_claude import x` depend on it."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = resilient_claude.nothing
