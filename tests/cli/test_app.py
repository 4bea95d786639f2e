"""The command: what a person sees who tries this package before reading anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resilient_claude.cli.app import app
from resilient_claude.cli.demo import command
from resilient_claude.version import __version__


def test_version_is_printed_by_the_module_too() -> None:
    """`python -m` is what works where the scripts directory is not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "resilient_claude", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert (done.stdout, done.stderr) == (f"resilient-claude {__version__}\n", "")


def test_help_names_the_commands() -> None:
    """Without arguments the command says what it can do."""
    result = CliRunner().invoke(app, [])

    assert "demo" in result.output
    assert "chat" in result.output


def test_the_command_starts_without_importing_livekit() -> None:
    """`--help` and `--version` must not take the seconds that livekit and the SDK need."""
    code = (
        "import sys, resilient_claude.cli.app\n"
        "sys.exit(not {'livekit', 'anthropic', 'aiohttp'}.isdisjoint(sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_the_demo_without_the_plugin_installed_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A comparison that cannot be made is not a crash."""
    for name in ("livekit.plugins", "livekit.plugins.anthropic"):
        monkeypatch.setitem(sys.modules, name, None)

    result = CliRunner().invoke(app, ["demo", "--record"])

    assert result.exit_code == 2
    assert "pip install livekit-plugins-anthropic" in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""  # no title of what does not come


@pytest.mark.parametrize("command", ["demo", "chat"])
def test_a_command_says_at_once_that_it_starts(command: str) -> None:
    """The imports take seconds, in which a screen that stays empty looks like a crash."""
    code = (
        "import sys, resilient_claude.cli.app as app\n"
        "sys.modules['livekit.agents'] = None\n"  # whose import fails, and so comes afterwards
        "app.app(standalone_mode=False)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        env={**os.environ, "ANTHROPIC_API_KEY": "k", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.splitlines()[-1] == "starting livekit ..."
    assert "livekit.agents" in done.stderr


def test_the_demo_prints_nothing_but_itself() -> None:
    """Warnings, livekit's chatter and unclosed sockets would go to stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ANTHROPIC_")}
    done = subprocess.run(
        [sys.executable, "-W", "always", "-m", "resilient_claude", "demo"],
        env={**clean, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=180,  # which ends a run that hangs; a busy machine needs a minute
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Calls that go wrong, and what the caller hears\n")


@pytest.mark.parametrize("good", [True, False])
def test_the_demo_exits_with_1_when_a_caller_was_not_answered(
    good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI only the exit code is read."""
    monkeypatch.setattr(command, "run", lambda console, options: good)

    assert CliRunner().invoke(app, ["demo"]).exit_code == (0 if good else 1)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--timeline", "calls.png"], "--timeline must be a file that ends in .svg or .html"),
        (["--listen", "calls.mp3"], "--listen must be a file that ends in .wav, got calls.mp3"),
        (["--listen", "calls.wav"], "--listen needs the speech synthesizer espeak-ng"),
    ],
)
def test_what_the_demo_cannot_write_it_says_before_it_begins(
    arguments: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With nothing on stdout, no traceback, and no line break in what is to be copied."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    result = CliRunner().invoke(app, ["demo", *arguments], env={"COLUMNS": "40"})

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {complaint}")
    assert result.stderr.count("\n") == 1
