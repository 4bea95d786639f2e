"""The rooms of the house: which of them may know of which, and the doors that others use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import resilient_claude

ROOT = Path(__file__).parent.parent
PACKAGE = Path(resilient_claude.__file__).parent
NAME = PACKAGE.name
EVERYTHING_BELOW = {"failures", "request", "response", "policy", "transport", "telemetry"}

MAY_IMPORT: dict[str, set[str]] = {
    "failures": set(),
    "request": {"failures"},
    "response": {"failures"},
    "policy": {"failures"},
    "transport": {"failures", "request", "response"},
    "telemetry": {"failures", "response"},
    "turn": EVERYTHING_BELOW,
    "llm": {*EVERYTHING_BELOW, "turn", "version"},
    "preload": {"llm", "transport"},
    "voice": {"failures"},
    "testing": set(),
}
"""Each room and the others that it may import. The command may import everything."""

DOORS = {NAME, f"{NAME}.testing", f"{NAME}.testing.voice", f"{NAME}.voice"}
"""What applications import from, and nothing else."""


def name_of(path: Path) -> str:
    """The name by which the module in *path* is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports_of(module: str) -> frozenset[str]:
    """The modules of ours that *module* imports, for type checkers or when it runs."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(name for node in ast.walk(tree) for name in imported(node, package))


def imported(node: ast.AST, package: str) -> Iterator[str]:
    """The modules of ours that *node* imports, if it is an import."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in MODULES)
    if not isinstance(node, ast.ImportFrom):
        return
    origin = node.module or ""
    if node.level:
        parents = package.split(".")
        origin = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [origin])])
    for alias in node.names:
        for name in (f"{origin}.{alias.name}", origin):
            if origin == NAME and alias.name in resilient_claude._HOMES:
                name = f"{NAME}.{resilient_claude._HOMES[alias.name]}"
            if name in MODULES:
                yield name
                break


def room_of(module: str) -> str:
    """The room, or the module at the root, that *module* belongs to."""
    return module.removeprefix(NAME).removeprefix(".").partition(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_in_one_direction(room: str) -> None:
    """A pure core stays pure only as long as nothing above it leaks in."""
    modules = [module for module in MODULES if room_of(module) == room]

    wrong = {
        f"{module} -> {other}"
        for module in modules
        for other in imports_of(module)
        if room_of(other) not in {room, *MAY_IMPORT[room]}
    }

    assert not wrong


def test_every_room_is_in_the_table() -> None:
    """A new room without a row could import anything."""
    rooms = {room_of(module) for module in MODULES} - {"", "__main__", "version", "cli"}

    assert rooms <= MAY_IMPORT.keys()


PURE = ("failures", "request", "response", "policy")
IMPURE = {
    *("asyncio", "contextvars", "logging", "os", "pathlib", "random", "selectors", "signal"),
    *("socket", "subprocess", "tempfile", "threading", "aiohttp", "structlog"),
}
"""Libraries of sockets, files, tasks, chance, and of state that comes from nowhere."""


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_take_values_and_return_values(room: str) -> None:
    """A test of theirs needs no server and no sleep; a clock or a draw is an argument."""
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for module, path in MODULES.items()
        if room_of(module) == room
    ]

    imported_names = {
        name.partition(".")[0]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }

    assert imported_names.isdisjoint(IMPURE)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Inside a room neither: what needs each other cannot be read one after the other."""
    graph = {module: imports_of(module) - {NAME} for module in MODULES if module != NAME}
    try:
        order = [*TopologicalSorter(graph).static_order()]
    except CycleError as exc:
        pytest.fail(f"a circle: {' -> '.join(exc.args[1])}")

    assert {*order} == {*graph}


def test_rooms_hand_on_nothing() -> None:
    """One way to each name: a room's `__init__` says what it is for, and no more."""
    doors = {MODULES[door] for door in DOORS & MODULES.keys()}
    for path in {*PACKAGE.rglob("__init__.py")} - doors:
        (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), path


def python_in(path: Path) -> Iterator[str]:
    """The Python in *path*: all of it, or the blocks of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield text
    else:
        yield from re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.py")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_users_copy_comes_through_the_doors(path: Path) -> None:
    """What they copy must still work when the house is built anew."""
    for code in python_in(path):
        for node in ast.walk(ast.parse(code)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert {name for name in names if name.partition(".")[0] == NAME} <= DOORS


MODULE_LINES = 300
FUNCTION_LINES = 40


def test_modules_are_short_or_say_why_they_are_not() -> None:
    """What has grown for a good reason says so where a reader wonders."""
    texts = {module: path.read_text(encoding="utf-8") for module, path in MODULES.items()}

    long = {module for module, text in texts.items() if text.count("\n") > MODULE_LINES}

    assert {m for m in long if "Longer than other modules" not in texts[m]} == set()


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module: str) -> None:
    """Without their arguments and their docstrings, which may be as long as they have to be."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]

    for function in functions:
        code = function.body[ast.get_docstring(function) is not None :]
        first, last = (code[0].lineno, code[-1].end_lineno or 0) if code else (0, 0)
        assert last - first < FUNCTION_LINES, function.name


def names_twice(names: Iterator[tuple[str, Path]]) -> dict[str, list[str]]:
    """The names that stand in more than one place, and where."""
    places: dict[str, list[str]] = {}
    for name, path in names:
        places.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return {name: where for name, where in places.items() if len(where) > 1}


@pytest.mark.parametrize("top", ["resilient_claude", "tests"])
def test_one_name_is_one_module_and_one_class(top: str) -> None:
    """Who reads a name in a traceback, or looks for it, finds one thing."""
    paths = sorted((ROOT / top).rglob("*.py"))
    modules = ((path.stem, path) for path in paths if path.stem not in ("__init__", "conftest"))
    classes = (
        (node.name, path)
        for path in paths
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )

    assert names_twice(modules) == {}
    assert names_twice(classes) == {}


def test_every_public_name_can_be_imported() -> None:
    """Names are loaded on first use: a typo would show only then."""
    for name in resilient_claude.__all__:
        assert getattr(resilient_claude, name) is not None
    assert set(resilient_claude.__all__) <= set(dir(resilient_claude))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """`hasattr` and `from resilient_claude import x` depend on it."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = resilient_claude.nothing


# --- the tests ----------------------------------------------------------------------------------

TESTS = Path(__file__).parent
TESTED_ELSEWHERE = {
    "voice.announcer": "tests/voice/test_care.py hears of everything that it tells",
    "voice.intervals": "tests/voice/test_promises.py has lines during tools, and asks again",
    "voice.payloads": "tests/voice/test_care.py compares them",
    "voice.reply": "tests/voice/test_node.py plays steps",
    "request.history.writer": "tests/request/history/test_formatter.py compares what it writes",
    "telemetry.events": "tests/telemetry/test_record.py compares whole events",
    "transport.aiohttp_internals": "tests/transport/test_internals.py has a test for every name",
    "transport.envelope": "tests/transport/test_sdk.py compares what is sent with the SDK's own",
    "transport.httpx2_internals": "tests/transport/test_internals.py has a test for every name",
    "turn.parts": "tests/turn/test_stream.py pauses and resumes turns",
    "turn.settings": "tests/turn/test_attempts.py caps them for one call",
}
"""Modules without tests of their own name, and where they are tested."""


def test_every_module_has_its_tests_in_the_same_place() -> None:
    """Who changes a module looks for its tests under its own name, and there alone."""
    rooms = {*MAY_IMPORT} - {"llm", "testing"}
    modules = {
        name.removeprefix(f"{NAME}.")
        for name, path in MODULES.items()
        if room_of(name) in rooms and path.name != "__init__.py"
    }

    without = {
        module
        for module in modules
        if not TESTS.joinpath(*module.split(".")[:-1], f"test_{module.split('.')[-1]}.py").exists()
    }

    assert without == {*TESTED_ELSEWHERE}
