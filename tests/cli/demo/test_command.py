"""The command as a whole: what it prints, writes and refuses."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from resilient_claude.cli.demo import command, playing
from resilient_claude.cli.demo.command import NEXT_STEP, DemoOptions, run
from resilient_claude.cli.demo.lane import Lane
from resilient_claude.cli.demo.playing import OURS, Contender
from resilient_claude.cli.demo.recording import Recording, load
from resilient_claude.cli.demo.scenes import SCENES, Scene

from ...support.lanes import ANSWER, said
from ...support.played_demo import PlayedDemo, played_demo


@pytest.fixture(scope="module")
def demo() -> PlayedDemo:
    return played_demo()


# --- played ---------------------------------------------------------------------------------------


def test_every_caller_of_ours_gets_his_answer_once_and_whole(demo: PlayedDemo) -> None:
    """It is the promise of the package: trouble is a pause, not silence and not a repetition."""
    told = " ".join(demo.output.split())

    assert f"resilient_claude: {len(SCENES)} of {len(SCENES)} callers got the answer" in told
    assert demo.good


def test_it_begins_with_who_is_compared(demo: PlayedDemo) -> None:
    """Versions and dates come before the first claim, and before the imports, which take long."""
    beginning, _, _ = demo.output.partition("starting livekit ...")
    recording = load()

    assert "Calls that go wrong" in beginning.splitlines()[0]
    words = " ".join(beginning.split())
    version = recording.versions["livekit-plugins-anthropic"]
    assert f"livekit-plugins-anthropic {version}, {recording.origin}" in words
    assert re.search(r"resilient_claude: \S+ and keep_caller_informed, played on \d", words)


def test_it_ends_with_the_table_and_the_next_step(demo: PlayedDemo) -> None:
    """What to do now is not to be looked for."""
    last = demo.output.rpartition("─")[2]

    assert " ".join(last.split()).endswith(NEXT_STEP)


def test_it_fits_80_columns(demo: PlayedDemo) -> None:
    """The conversation without a blank at the end of a line, so that it can be copied."""
    conversation, _, _ = demo.output.partition("\n ─")

    assert max(map(len, demo.output.splitlines())) <= 80
    assert [line for line in conversation.splitlines() if line.endswith(" ")] == []


def test_hold_line_and_apology_are_heard(demo: PlayedDemo) -> None:
    """No byte, pings only and an outage are bridged; a turn that is lost is apologised for."""
    assert demo.output.count("One moment.") == 3
    assert demo.output.count("I'm sorry, I can't think") == 1


def test_every_fault_has_its_line_of_the_log(demo: PlayedDemo) -> None:
    """What an operator would find."""
    begun = re.findall(r"log   (?:attempt [12] failed|no answer after 1 attempt)", demo.output)
    assert len(begun) == len(SCENES)
    assert demo.output.count("log   recovered after ") == len(SCENES) - 1


def test_the_picture_and_the_sound_are_written(demo: PlayedDemo) -> None:
    """The sound is as long as is told."""
    (told_s,) = re.findall(r"calls\.wav, (\d+) s", " ".join(demo.output.split()))
    with wave.open(io.BytesIO(demo.sound)) as file:
        lasts_s = file.getnframes() / file.getframerate()

    assert demo.picture.startswith("<svg ")
    assert lasts_s == pytest.approx(float(told_s), abs=0.51)


# --- made up --------------------------------------------------------------------------------------


def answered(scene: Scene) -> Lane:
    return said(scene.expected.answer, tools=scene.expected.tools)


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Scene], Lane]], list[Contender]]:
    """Plays what it is told, at once; gives who has played."""

    def tell(lane: Callable[[Scene], Lane]) -> list[Contender]:
        contenders: list[Contender] = []

        @contextmanager
        def stage() -> Iterator[Callable[[Scene, Contender], Lane]]:
            def play(scene: Scene, contender: Contender) -> Lane:
                contenders.append(contender)
                return lane(scene)

            yield play

        monkeypatch.setattr(playing, "stage", stage)
        return contenders

    return tell


Staged = Callable[[Callable[[Scene], Lane]], list[Contender]]


def printed(options: DemoOptions, *, terminal: bool = False) -> tuple[bool, str]:
    output = io.StringIO()
    good = run(Console(file=output, width=80, force_terminal=terminal), options)
    return good, output.getvalue()


def test_a_caller_who_was_not_answered_is_told(staged: Staged) -> None:
    """In CI only the exit code is read."""
    staged(lambda scene: said(ANSWER) if scene is SCENES[3] else answered(scene))

    good, output = printed(DemoOptions())

    assert not good
    words = " ".join(output.split())
    assert "resilient_claude: 6 of 7 callers got the answer once and whole" in words
    assert "something else" in output


def test_in_a_terminal_the_status_line_is_gone_in_the_end(staged: Staged) -> None:
    """It says what is waited for, and is erased."""
    staged(answered)

    _, output = printed(DemoOptions(), terminal=True)

    assert "starting livekit ..." in output
    assert "playing: no byte ..." in output
    assert output.count("\x1b[2K") >= len(SCENES)


@pytest.mark.parametrize(
    ("name", "begins"), [("calls.svg", "<svg "), ("calls.html", "<!doctype html>")]
)
def test_the_suffix_says_what_is_drawn(
    name: str, begins: str, staged: Staged, tmp_path: Path
) -> None:
    """One option for both."""
    staged(answered)

    _, output = printed(DemoOptions(timeline=tmp_path / name))

    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    assert "drawn: " in output


def test_without_a_synthesizer_listening_is_refused_before_anything_is_played(
    staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for calls that he will not hear."""
    contenders = staged(answered)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FileNotFoundError, match="--listen needs the speech synthesizer espeak-ng"):
        printed(DemoOptions(listen=tmp_path / "calls.wav"))

    assert not contenders


def test_the_plugin_is_recorded_where_it_is_installed(
    staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded is shown beside ours, and kept."""
    plugin = Contender(OURS.make, lambda scene: scene.anew)
    path = tmp_path / "recording.json"
    contenders = staged(answered)
    monkeypatch.setattr(playing, "the_plugin", lambda: plugin)
    monkeypatch.setattr(command, "PATH", path)
    monkeypatch.setattr(command, "recording_of", _recording_of)

    good, output = printed(DemoOptions(record=True))

    assert good
    assert contenders == [plugin] * len(SCENES) + [OURS] * len(SCENES)
    assert load(path).lane("no byte") == answered(SCENES[3])
    words = " ".join(output.split())
    assert "the plugin: 7 of 7 callers" in words
    assert "recorded on 2026-01-02 with anthropic 1.0" in words


def _recording_of(lanes: dict[str, Lane]) -> Recording:
    kept = {fault: lane.as_dict() for fault, lane in lanes.items()}
    return Recording("2026-01-02", {"livekit-plugins-anthropic": "9.9", "anthropic": "1.0"}, kept)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"timeline": Path("calls.png")}, r"--timeline must be a file that ends in \.svg or"),
        ({"listen": Path("calls.mp3")}, r"--listen must be a file that ends in \.wav, got"),
        ({"listen": Path("/nowhere/calls.wav")}, r"--listen: there is no directory /nowhere"),
    ],
)
def test_files_are_checked_when_they_are_asked_for(
    options: dict[str, Path], complaint: str
) -> None:
    """A typo costs nobody the seconds of a demo."""
    with pytest.raises(ValueError, match=complaint):
        DemoOptions(**options)  # type: ignore[arg-type]
