"""The recording of livekit's plugin: whole, dated, and what the plugin still does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from resilient_claude.cli.demo.lane import Judgement, Lane, judged
from resilient_claude.cli.demo.playing import stage, the_plugin
from resilient_claude.cli.demo.recording import PLUGIN, Recording, load, origin_now
from resilient_claude.cli.demo.scenes import SCENES

from ...support.lanes import ANSWER, said
from ...support.plugin import has_plugin


def test_it_holds_every_call_of_the_script() -> None:
    """A scene that is changed is to be recorded anew: `resilient-claude demo --record`."""
    recording = load()

    assert [*recording.lanes] == [scene.fault for scene in SCENES]
    for scene in SCENES:
        assert recording.lane(scene.fault).spoken[0].text == scene.says[0].text


def test_it_says_when_and_with_what_it_was_made() -> None:
    """A comparison without versions is gossip."""
    recording = load()

    assert re.fullmatch(r"\d{4}-\d\d-\d\d", recording.recorded)
    assert {*recording.versions} == {PLUGIN, "livekit-agents", "anthropic", "Python"}
    assert re.fullmatch(
        r"recorded on [\d-]+ with livekit-agents [\d.]+, anthropic [\d.]+, Python [\d.]+",
        recording.origin,
    )


def test_what_is_played_now_is_dated_too() -> None:
    """The picture outlives the day on which it was drawn."""
    assert re.match(r"played on \d{4}-\d\d-\d\d with livekit-agents \S+, anthropic", origin_now())


def test_what_the_plugin_does_is_what_is_said_of_it() -> None:
    """The words of the table are made of the recording; what it shows is said elsewhere too."""
    recording = load()

    results = [judged(recording.lane(scene.fault), scene.expected) for scene in SCENES]

    assert results == [
        Judgement.TWICE,
        Judgement.BOOKED_TWICE,
        Judgement.HALF,
        Judgement.ANSWER,
        *[Judgement.NOTHING] * 3,
    ]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    """As JSON that a person can read."""
    lane = said(ANSWER)
    recording = Recording("2026-01-02", {PLUGIN: "1.0"}, {"no byte": lane.as_dict()})
    path = tmp_path / "recording.json"
    path.write_text(recording.written(), encoding="utf-8")

    read = load(path)

    assert read == Recording("2026-01-02", {PLUGIN: "1.0"}, json.loads(path.read_text())["calls"])
    assert read.lane("no byte") == lane


def outline(lane: Lane) -> list[object]:
    """What of a lane does not depend on the machine: its times have no jitter."""
    spoken = [(each.who, each.text, round(each.start_s)) for each in lane.spoken]
    return [spoken, len(lane.asked), len(lane.tools)]


@pytest.mark.skipif(
    not has_plugin(), reason="livekit-plugins-anthropic is not installed (it needs anthropic<2)"
)
def test_the_plugin_still_does_what_was_recorded() -> None:
    """When it does better, the recording is unfair: `resilient-claude demo --record`."""
    recording, plugin = load(), the_plugin()

    with stage() as play:
        for scene in SCENES:
            assert outline(play(scene, plugin)) == outline(recording.lane(scene.fault))
