"""The direction of imports: what a module may know about the others."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import resilient_claude

PACKAGE = Path(resilient_claude.__file__).parent
HOMES = resilient_claude._HOMES

IMPORTS: dict[str, set[str]] = {
    "version": set(),
    "failures": set(),
    "models": set(),
    "redaction": set(),
    "known_errors": {"failures"},
    "causes": {"failures"},
    "statuses": {"failures", "known_errors", "redaction"},
    "classify": {"causes", "failures", "known_errors", "redaction", "statuses"},
    "errors": {"causes", "failures", "known_errors"},
    "speech": set(),
    "sse": {"failures"},
    "usage": set(),
    "outcomes": {"failures"},
    "blocks": {"failures", "sse"},
    "translate": {
        "blocks",
        "failures",
        "outcomes",
        "redaction",
        "speech",
        "sse",
        "statuses",
        "usage",
    },
    "tools": set(),
    "tool_choice": {"models"},
    "plain_messages": set(),
    "plain_history": {"plain_messages"},
    "history": {"models", "plain_history", "plain_messages"},
    "thinking": {"history", "models"},
    "caching": set(),
    "encoding": {"plain_messages", "tools"},
    "extra": set(),
    "request": {
        "caching",
        "encoding",
        "extra",
        "history",
        "models",
        "plain_history",
        "thinking",
        "tool_choice",
        "tools",
    },
    "continuation": {"history", "models", "request", "thinking"},
    "retry": {"failures"},
    "arguments": {"extra", "retry"},
    "progress": {"failures"},
    "proxies": set(),
    "sockets": {"failures", "progress"},
    "envelopes": {"request"},
    "connection": {"envelopes", "progress", "proxies", "sockets"},
    "clients": {"connection"},
    "clocks": {"failures", "progress", "retry", "translate"},
    "transport": {
        "clients",
        "clocks",
        "connection",
        "envelopes",
        "failures",
        "progress",
        "request",
        "sse",
        "statuses",
    },
    "output": set(),
    "turn": {"failures", "outcomes", "translate", "usage"},
    "log": {"classify", "failures", "request"},
    "reports": {"errors", "failures", "log", "outcomes", "turn"},
    "stream": {
        "causes",
        "classify",
        "clients",
        "clocks",
        "continuation",
        "errors",
        "failures",
        "outcomes",
        "output",
        "redaction",
        "reports",
        "request",
        "retry",
        "speech",
        "sse",
        "translate",
        "transport",
        "turn",
    },
    "llm": {
        "arguments",
        "connection",
        "extra",
        "failures",
        "log",
        "request",
        "retry",
        "stream",
        "transport",
        "version",
    },
    "demo": {"failures", "log", "testing"},
    "cli": {"demo", "llm", "version"},
    "__main__": {"cli"},
    "__init__": {"version"},
}
"""Each module and the modules of ours it imports, from the bottom up."""


def imports_of(path: Path) -> set[str]:
    """The modules of this package that *path* imports when it runs, by first name."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not is_for_type_checkers(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [alias.name for alias in node.names]
            found |= {node.module} if node.module else {HOMES.get(name, name) for name in names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE.name):
            found.add((node.module or "").partition(".")[2].partition(".")[0])
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found.update(n.partition(".")[2] for n in names if n.startswith(f"{PACKAGE.name}."))
    return found - {""}


def is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_modules_import_what_the_table_says(path: Path) -> None:
    """A pure core stays pure only as long as nothing above it leaks in."""
    assert imports_of(path) == IMPORTS[path.stem]


def test_no_module_imports_itself_by_way_of_others() -> None:
    """The table is in the order of the layers: each may use what stands above it."""
    names = list(IMPORTS)

    for index, name in enumerate(names):
        assert IMPORTS[name] <= {*names[:index], "testing"}, name


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


IMPORT = """
import gc
import resilient_claude
gc.{before}()
began = [generation["collections"] for generation in gc.get_stats()]
from resilient_claude import ResilientClaudeLLM
ended = [generation["collections"] for generation in gc.get_stats()]
print(sum(ended) - sum(began) <= 1, gc.isenabled())
"""


@pytest.mark.parametrize(("before", "enabled"), [("enable", True), ("disable", False)])
def test_the_import_looks_for_garbage_once_and_leaves_that_as_it_was(
    before: str, enabled: bool
) -> None:
    """Hundreds of collections found none; what the application has said of them is its affair."""
    command = [sys.executable, "-c", IMPORT.format(before=before)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (result.stdout, result.stderr) == (f"True {enabled}\n", "")
