"""What a played call shows to who wonders why the test failed."""

from __future__ import annotations

import pytest

from resilient_claude import RetryPolicy, Timeouts
from resilient_claude.testing import Answer, HttpError, SimulatedClaude
from resilient_claude.testing.voice import Coughs, Outage, Says, VoiceCall

from .calls import ANSWER, OPENING, QUESTION, PlayCall, ours


def test_the_timeline_is_the_call_as_text(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """What a failed test shows."""
    simulated_claude.script(ANSWER)

    played = play_call(ours(simulated_claude), [QUESTION])

    assert played.timeline() == (
        '   0.50 -   1.70  caller  "When do you open?"\n'
        "   1.70 -   2.95  wait    1.25 s of silence\n"
        "   2.00           request\n"
        f'   2.95 -   5.95  agent   "{OPENING}"'
    )


def test_of_several_claudes_the_timeline_tells_which_was_asked(
    simulated_claude: SimulatedClaude,
) -> None:
    """`FallbackAdapter` asks the second when the first is down."""
    with SimulatedClaude() as other:
        call = VoiceCall(ours(other), [QUESTION], claude=[simulated_claude, other], linger_s=1)
        timeline = call.play().timeline()

    assert "   2.00           request to Claude 1\n" in timeline


def test_the_timeline_says_what_an_error_was(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """A class alone, the same one for every failure of an LLM, answers no question."""
    outage = Outage(HttpError(401, message="invalid x-api-key"))

    played = play_call(ours(simulated_claude), [QUESTION], outages=[outage], linger_s=1)

    (line,) = [line for line in played.timeline().splitlines() if " error " in line]
    assert line.startswith("   2.00           error   LLMError: no answer from Claude after 1 ")
    assert line.endswith("AuthenticationError: invalid x-api-key")


@pytest.mark.parametrize(
    "line", [Says("Stop!", into_speech_s=0.8), Says("Thanks.", after_answer_s=1)]
)
def test_a_line_that_waits_for_an_agent_that_stays_silent_ends_the_call(
    simulated_claude: SimulatedClaude, play_call: PlayCall, line: Says
) -> None:
    """It ended never: the test hung, at full speed, in the very outage that it was about."""
    outage = Outage(HttpError(401))

    played = play_call(ours(simulated_claude), [QUESTION, line, Coughs()], outages=[outage])

    assert played.unsaid == [line, Coughs()]
    assert 60 < played.lasted_s < 65
    assert played.timeline().endswith("unsaid  (a cough)")
    assert f'unsaid  "{line.text}"' in played.timeline()


def test_an_agent_that_is_silent_for_long_is_waited_for(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Slow is not dead: the line comes after an answer that takes three quarters of a minute."""
    simulated_claude.script(Answer("We open at five.", first_token_s=45), Answer("Goodbye."))
    patient = ours(
        simulated_claude,
        timeout=Timeouts(first_token_s=50),
        retry=RetryPolicy(max_silence_s=120),
    )

    played = play_call(patient, [QUESTION, Says("Thanks.", after_answer_s=1)])

    assert played.unsaid == []
    assert played.text == "We open at five. Goodbye."
