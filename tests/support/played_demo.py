"""The demo, played once."""

from __future__ import annotations

import functools
import io
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from resilient_claude.cli.demo.command import DemoOptions, run

SYNTHESIZER = f"""#!{sys.executable}
import array, sys, wave
value = dict(zip(sys.argv[1::2], sys.argv[2::2]))
count = round(22050 * 175 / int(value["-s"]))
with wave.open(value["-w"], "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(22050)
    file.writeframes(array.array("h", [1000 + len(sys.stdin.read())] * count).tobytes())
"""
"""An espeak-ng that speaks for a second at 175 words per minute, and for less in a hurry."""


@dataclass(frozen=True)
class PlayedDemo:
    """What one run left behind.

    Attributes:
        output: what it printed.
        good: whether all callers of ours were answered.
        picture: the SVG.
        sound: the WAV.
    """

    output: str
    good: bool
    picture: str
    sound: bytes


def install_synthesizer(directory: Path, name: str = "espeak-ng", code: str = SYNTHESIZER) -> Path:
    """Put a synthesizer into *directory*."""
    path = directory / name
    path.write_text(code, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@functools.cache
def played_demo() -> PlayedDemo:
    """The demo, played once per process."""
    return play_demo()


def play_demo() -> PlayedDemo:
    """Play the demo with a picture and a sound, on 80 columns."""
    output = io.StringIO()
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        directory = Path(name)
        install_synthesizer(directory)
        patched.setenv("PATH", name, prepend=os.pathsep)
        svg, wav = directory / "calls.svg", directory / "calls.wav"
        good = run(Console(file=output, width=80), DemoOptions(timeline=svg, listen=wav))
        return PlayedDemo(
            output.getvalue(), good, svg.read_text(encoding="utf-8"), wav.read_bytes()
        )
