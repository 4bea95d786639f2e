"""What docs/ and CONTRIBUTING say of the code and of commands is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import resilient_claude
import resilient_claude.testing
import resilient_claude.testing.voice
import resilient_claude.voice
from resilient_claude import Failure, FailureKind, Origin, Phase
from resilient_claude.failures.kinds import FACTS
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.request.repairs.rejections import REPAIRS
from resilient_claude.testing import HOWS, POINTS

from ..test_layout import MAY_IMPORT
from .pages import ROOT, blocks, names, page, pages, rows

PACKAGE = Path(resilient_claude.__file__).parent

# --- commands -------------------------------------------------------------------------------------

RUN_BY = {
    "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/resilient-claude demo": (
        "readme_command 1"
    ),
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && "
    ".venv/bin/python -m pytest -q -n auto": "readme_command 2",
    ".venv/bin/resilient-claude demo": '"-m", "resilient_claude", "demo"]',
    ".venv/bin/resilient-claude demo --timeline calls.svg": "DemoOptions(timeline=svg, listen=wav)",
    ".venv/bin/resilient-claude demo --timeline calls.html": '("calls.html", "<!doctype html>")',
    ".venv/bin/resilient-claude demo --listen calls.wav": "DemoOptions(timeline=svg, listen=wav)",
    ".venv/bin/resilient-claude demo --record": "DemoOptions(record=True)",
    ".venv/bin/resilient-claude demo --timeline docs/demo.svg": "words(played.picture)",
    ".venv/bin/resilient-claude models": 'invoke(app, ["models"]',
    ".venv/bin/python examples/caching.py": '"examples/caching.py"]',
    ".venv/bin/resilient-claude chat": '["chat", "--base-url"',
    ".venv/bin/python -m pytest tests/faults -k silent/": 'f"{row.key}/" in',
    ".venv/bin/pip install -q -e '.[dev,docs]' && .venv/bin/sphinx-build docs site": (
        "sphinx-build -W"
    ),
    ".venv/bin/pip install -q -e '.[dev,docs]'": 'make_env plugin "$wheel[dev,docs]"',
    "pip install pytest pytest-asyncio": "test_the_pytest_examples_pass",
    ".venv/bin/python -m tests.benchmarks": "runner.run(",
    ".venv/bin/python -m tests.benchmarks.soak": "soak.run(",
    ".venv/bin/python -m tests.benchmarks.voice": "voice.run(",
    "python -m livekit.agents start": '"-m", "livekit.agents", "start"',
    "HYPOTHESIS_PROFILE=thorough .venv/bin/python -m pytest tests/properties": (
        '"HYPOTHESIS_PROFILE"'
    ),
    ".venv/bin/sphinx-build -W --keep-going -b html docs site": (
        "sphinx-build -W --keep-going -b html docs site"
    ),
}
"""Every command of the pages, and what of CI or of a test shows that it is run."""

_COMMAND = r"(?:\.venv/bin/|python3? |pip install \S|pytest |sphinx-build |[A-Z_]+=\S+ \S)"


def commands() -> set[str]:
    """What the pages tell their readers to type."""
    found = set()
    for text in pages().values():
        found |= {line for block in blocks(text, "sh") for line in block.splitlines()}
        prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        found |= {*re.findall(rf"`({_COMMAND}[^`]*)`", prose)}
    return {" ".join(command.split()) for command in found}


def test_every_command_is_run_somewhere() -> None:
    """A new command needs a line here, and something that runs it."""
    assert commands() == RUN_BY.keys()


def test_what_runs_the_commands_is_there() -> None:
    """The table above must not outlive what it names."""
    sources = [ROOT / ".ci" / "run", *(ROOT / "tests").rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sources if path != Path(__file__)]

    assert [proof for proof in RUN_BY.values() if not any(proof in text for text in texts)] == []


# --- names ----------------------------------------------------------------------------------------


def test_the_reference_has_every_public_name() -> None:
    """A name without an entry is as good as not there."""
    reference = page("api")
    documented = {*re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)", reference, re.M)}

    doors = (
        resilient_claude,
        resilient_claude.testing,
        resilient_claude.testing.voice,
        resilient_claude.voice,
    )
    assert documented == {name for door in doors for name in door.__all__}


@pytest.mark.parametrize("name", ["docs/design.md", "CONTRIBUTING.md"])
def test_the_files_that_are_named_exist(name: str) -> None:
    """A map with houses that were torn down is worse than none."""
    missing = [
        path
        for path in re.findall(r"`([\w./]+(?:\.py|/))`", pages()[name])
        if not any((root / path).exists() for root in (ROOT, PACKAGE, PACKAGE.parent))
    ]

    assert missing == []


def test_the_design_has_the_rooms_that_the_layout_allows() -> None:
    """Two lists of who may import whom would be one too many, if nobody compared them."""
    told = {names(room)[0]: {*names(others)} for room, _, others in rows(page("design"), "room")}
    allowed = {room: others for room, others in MAY_IMPORT.items() if room != "voice"}

    # Two rows sum up what is below them.
    assert told == {**allowed, "turn": set(), "llm": {"turn"}, "cli": set()}


def test_the_breaks_of_a_script_are_all_listed() -> None:
    """What is not listed is not tried."""
    (hows,) = re.findall(r"How an answer breaks: (.*?)\. Where", page("testing"), re.DOTALL)
    (points,) = re.findall(r"in the order of the wire: (.*?)\. For", page("testing"), re.DOTALL)

    assert tuple(names(hows)) == (*HOWS, "SseError", "Garbage")
    assert tuple(names(points)) == POINTS


# --- the table of kinds ---------------------------------------------------------------------------

KINDS = {names(kind)[0]: cells for kind, *cells in rows(page("failures"), "kind")}


def test_every_kind_has_a_row() -> None:
    """In the order of the enumeration."""
    assert [*KINDS] == [*FailureKind]


@pytest.mark.parametrize("kind", FailureKind)
def test_the_error_of_a_kind_is_livekit_s_own(kind: FailureKind) -> None:
    """`except` clauses are written from this column."""
    error = to_api_error(Failure(kind, Origin.UNKNOWN, Phase.SEND, "", "", True), summary="")

    status = getattr(error, "status_code", -1)
    shown = f"`{type(error).__name__}`" + (f" ({status})" if status >= 0 else "")
    assert KINDS[kind][0] == shown


@pytest.mark.parametrize("kind", FailureKind)
def test_how_often_a_kind_is_asked_again_is_what_its_row_says(kind: FailureKind) -> None:
    """The first word is the rule; what follows it are the exceptions."""
    facts = FACTS[kind]
    rule = "no" if not facts.retryable else {1: "once", None: "yes"}[facts.most_retries]

    assert re.findall(r"\w+", KINDS[kind][1])[0] == rule


# --- the table of mended requests -----------------------------------------------------------------


def test_every_reason_for_which_a_request_is_mended_has_a_row() -> None:
    """What is changed without a word on the page looks like a bug."""
    assert len(rows(page("failures"), "rejected")) == len(REPAIRS)
