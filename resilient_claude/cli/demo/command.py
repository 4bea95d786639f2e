"""`resilient-claude demo`: plays, shows, and writes what was asked for.

livekit takes seconds to import, and a screen that stays empty so long looks like a crash: what
needs it is imported after the first words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from resilient_claude.cli.status_line import status_line
from resilient_claude.version import __version__

from .files import check_writable
from .recording import PATH, PLUGIN, Recording, load, origin_now, recording_of
from .synthesizer import Synthesizer, find_synthesizer

if TYPE_CHECKING:
    from .comparison import ComparedCall

TITLE = "Calls that go wrong, and what the caller hears"
NEXT_STEP = (
    "Next: --timeline calls.html draws these calls, --listen calls.wav lets you hear them; "
    "`resilient-claude chat` talks to the real Claude. In your agent: ResilientClaudeLLM in place "
    "of anthropic.LLM, and keep_caller_informed(session)."
)


@dataclass(frozen=True)
class DemoOptions:
    """What the demo is asked for besides playing.

    Attributes:
        record: play the plugin's lane too, and keep it in place of the recording.
        timeline: where to write the picture, if anywhere.
        listen: where to write the sound, if anywhere.

    Raises:
        ValueError: a file cannot be written, or its suffix is unknown.
    """

    record: bool = False
    timeline: Path | None = None
    listen: Path | None = None

    def __post_init__(self) -> None:
        if self.timeline is not None:
            check_writable("--timeline", self.timeline, (".svg", ".html"))
        if self.listen is not None:
            check_writable("--listen", self.listen, (".wav",))
        if self.record:
            check_writable("--record", PATH, (".json",))


def run(console: Console, options: DemoOptions) -> bool:
    """Play all calls, show them on *console*, and write what is asked for.

    Returns:
        bool: whether all of our callers got their answer, once and whole.

    Raises:
        OSError: a file cannot be written, there is no speech synthesizer to listen with, or the
            plugin is to be recorded and cannot be imported.
    """
    synthesizer = None if options.listen is None else find_synthesizer()
    recording = load()
    console.print(TITLE, style="bold")
    if not options.record:
        _say(console, _notes(recording), style="dim")
    with status_line(console, "starting livekit ...", kept=True):
        from . import comparison, screen
    if options.record:
        recording = _recorded(console)
        _say(console, _notes(recording), style="dim")
    calls = []
    for heading, call in _compared(console, recording):
        calls.append(call)
        console.print()
        screen.show_call(console, call, heading)
    console.print()
    console.print(screen.summary(calls, console.width))
    _say(console, comparison.verdict(calls))
    _write(console, options, calls, _notes(recording), synthesizer)
    _say(console, NEXT_STEP)
    return all(call.ours.result.good for call in calls)


def _say(console: Console, text: str, style: str = "") -> None:
    """Print *text*, its lines broken between words and without a blank at their ends."""
    for line in text.splitlines():
        for piece in wrap(line, console.width, break_on_hyphens=False):
            console.print(Text(piece, style=style), soft_wrap=True)


def _notes(recording: Recording) -> str:
    """What was compared, and how."""
    return (
        f"the plugin: {PLUGIN} {recording.versions[PLUGIN]}, {recording.origin}\n"
        f"resilient_claude: {__version__} and keep_caller_informed, {origin_now()}\n"
        "Voice sessions of livekit's; Claude is simulated on loopback, waits are skipped."
    )


def _recorded(console: Console) -> Recording:
    """Play the plugin's lane, and keep it."""
    from .playing import stage, the_plugin
    from .scenes import SCENES

    lanes = {}
    plugin = the_plugin()
    with stage() as play:
        for scene in SCENES:
            with status_line(console, f"recording {PLUGIN}: {scene.fault} ..."):
                lanes[scene.fault] = play(scene, plugin)
    recording = recording_of(lanes)
    PATH.write_text(recording.written(), encoding="utf-8")
    console.print(Text(f"recorded: {PATH}"), soft_wrap=True)
    return recording


def _compared(console: Console, recording: Recording) -> Iterator[tuple[str, ComparedCall]]:
    """Play our lane of each call, and put it beside the recorded one, under a heading."""
    from .comparison import compared
    from .playing import OURS, stage
    from .scenes import SCENES

    with stage() as play:
        for number, scene in enumerate(SCENES, 1):
            with status_line(console, f"playing: {scene.fault} ..."):
                ours = play(scene, OURS)
            yield (
                f"{number}/{len(SCENES)}  {scene.fault}",
                compared(scene, recording.lane(scene.fault), ours),
            )


def _write(
    console: Console,
    options: DemoOptions,
    calls: Sequence[ComparedCall],
    notes: str,
    synthesizer: Synthesizer | None,
) -> None:
    """Write the files that are asked for."""
    from . import page, picture, sound

    if options.timeline is not None:
        draw = page.page if options.timeline.suffix.lower() == ".html" else picture.drawn
        options.timeline.write_text(draw(calls, TITLE, notes), encoding="utf-8")
        console.print(Text(f"drawn: {options.timeline}"), soft_wrap=True)
    if options.listen is not None and synthesizer is not None:
        plan = sound.planned(calls)
        with status_line(console, "speaking ..."):
            options.listen.write_bytes(sound.wav(plan, synthesizer.speak))
        console.print(Text(f"spoken: {options.listen}, {plan.lasts_s:.0f} s"), soft_wrap=True)
