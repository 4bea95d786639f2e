"""What is known of an attempt while it runs."""

from __future__ import annotations

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Phase


def test_each_phase_is_told_when_it_begins() -> None:
    """The clocks of an attempt follow it; a phase that they miss is timed with the wrong one."""
    begun: list[Phase] = []
    evidence = Evidence(on_phase=begun.append)

    for phase in (Phase.DNS, Phase.CONNECT, Phase.TLS):
        evidence.enter(phase)

    assert begun == [Phase.DNS, Phase.CONNECT, Phase.TLS]
    assert evidence.phase is Phase.TLS


def test_before_anything_has_happened_the_request_is_being_built() -> None:
    """What fails then is neither the network's fault nor Anthropic's."""
    evidence = Evidence()

    assert (evidence.phase, evidence.request_id, evidence.proxied) == (Phase.BUILD, None, False)
