"""A scene is played as a real call, and what is shown of it is what happened."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest

from resilient_claude.cli.demo.lane import Judgement, judged
from resilient_claude.cli.demo.playing import OURS, stage, the_plugin
from resilient_claude.cli.demo.scenes import LASTS_S, SCENES
from resilient_claude.testing import Answer


def test_a_lane_is_what_the_session_and_the_server_saw() -> None:
    """The tool call: who asked when, what ran, what was heard, and what is in the log."""
    (scene,) = [each for each in SCENES if each.expected.tools]

    with stage() as play:
        lane = play(scene, OURS)

    assert [(each.who, each.text) for each in lane.spoken] == [
        ("caller", "A table for two at eight, please."),
        ("agent", "Your table for two is booked."),
    ]
    assert [each.call for each in lane.tools] == ["book_table(guests=2, at=20:00)"]
    assert [each.failed_s is None for each in lane.asked] == [False, True, True]
    assert lane.lasted_s == pytest.approx(LASTS_S, abs=0.1)
    assert [re.sub(r"\d.*", "N", line) for line in lane.log] == ["attempt N", "recovered after N"]
    assert judged(lane, scene.expected) is Judgement.ANSWER


def test_who_gives_up_leaves_nothing_to_the_next_call() -> None:
    """Whoever is compared must meet each call's own fault."""
    first, second, *_ = SCENES
    gives_up = replace(OURS, steps=lambda scene: [*scene.steps, Answer("Never asked for.")])

    with stage() as play:
        play(first, gives_up)
        lane = play(second, OURS)

    assert judged(lane, second.expected) is Judgement.ANSWER
    assert len(lane.asked) == len(second.steps)


def test_a_plugin_that_cannot_be_imported_is_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be there and not fit the SDK beside it."""
    monkeypatch.setitem(sys.modules, "livekit.plugins.anthropic", None)
    if (plugins := sys.modules.get("livekit.plugins")) is not None:  # imported by another test
        monkeypatch.delattr(plugins, "anthropic", raising=False)

    with pytest.raises(OSError, match="--record needs `pip install livekit-plugins-anthropic`"):
        the_plugin()


def test_the_script_is_fair() -> None:
    """Both meet the same faults and the same caller; only who asks anew is answered anew."""
    for scene in SCENES:
        assert len(scene.steps) == len(scene.anew)
        assert scene.steps[:1] == scene.anew[:1]
