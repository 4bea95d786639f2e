"""What is known of an attempt while it runs."""

from __future__ import annotations

from resilient_claude.failures.evidence import EXCERPT_CHARS, Evidence, excerpt
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


def test_an_address_is_told_where_no_id_of_anthropic_s_is() -> None:
    """Their support asks for the id; an operator without one has nothing but the address."""
    assert Evidence(peer="192.0.2.1:443").facts()["peer"] == "192.0.2.1:443"
    assert Evidence(peer="192.0.2.1:443", request_id="req_1").facts()["peer"] is None


def test_what_others_wrote_is_shown_short_and_plain() -> None:
    """A header may hold anything."""
    assert excerpt("nginx\x1b[31m/1.2 ") == "nginx?[31m/1.2"
    assert excerpt("x" * 1_000) == "x" * EXCERPT_CHARS
    assert excerpt(None) is excerpt("") is excerpt(" ") is None
