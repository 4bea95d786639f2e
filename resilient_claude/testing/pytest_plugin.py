"""Pytest fixtures; loaded by pytest wherever resilient-claude is installed."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from resilient_claude.testing.server import SimulatedClaude
    from resilient_claude.testing.voice.played import PlayedCall


@pytest.fixture
def simulated_claude() -> "Iterator[SimulatedClaude]":
    """A running `SimulatedClaude` without TLS."""
    from resilient_claude.testing.server import SimulatedClaude

    with SimulatedClaude() as claude:
        yield claude


@pytest.fixture
def simulated_claude_tls() -> "Iterator[SimulatedClaude]":
    """A running `SimulatedClaude` with TLS; pass its `ca_file` to the client."""
    from resilient_claude.testing.server import SimulatedClaude

    with SimulatedClaude(tls=True) as claude:
        yield claude


@pytest.fixture
def play_call(
    simulated_claude: "SimulatedClaude", request: pytest.FixtureRequest
) -> "Callable[..., PlayedCall]":
    """Plays a `VoiceCall` with `simulated_claude`; takes the same arguments, and `real_time`.

    When the test fails, its report shows the timeline of every call.
    """
    from resilient_claude.testing.voice.call import VoiceCall

    def play(*arguments: Any, real_time: bool = False, **named: Any) -> "PlayedCall":
        call = VoiceCall(*arguments, **{"claude": simulated_claude, **named})
        played = call.play(real_time=real_time)
        request.node.add_report_section("call", "timeline", played.timeline())
        return played

    return play
