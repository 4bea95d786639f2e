"""The demo, played once as a command."""

from __future__ import annotations

import functools
import os
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

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
    """What one run of the command left behind.

    Attributes:
        stdout: what it printed.
        stderr: what it complained of.
        returncode: how it ended.
        picture: the SVG.
        sound: the WAV.
    """

    stdout: str
    stderr: str
    returncode: int
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
    """`resilient-claude demo --timeline calls.svg --listen calls.wav` on 80 columns."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        install_synthesizer(directory)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("ANTHROPIC_")}
        path = os.pathsep.join([name, clean.get("PATH", "")])
        svg, wav = directory / "calls.svg", directory / "calls.wav"
        done = subprocess.run(
            [
                *(sys.executable, "-W", "always", "-m", "resilient_claude", "demo"),
                *("--timeline", str(svg), "--listen", str(wav)),
            ],
            env={**clean, "COLUMNS": "80", "PATH": path},
            capture_output=True,
            text=True,
            timeout=180,  # which ends a run that hangs; a busy machine needs a minute
            check=False,
        )
        return PlayedDemo(
            done.stdout,
            done.stderr,
            done.returncode,
            svg.read_text(encoding="utf-8") if svg.exists() else "",
            wav.read_bytes() if wav.exists() else b"",
        )
