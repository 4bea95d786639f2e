"""What was heard, from the sounds that came out of the loudspeaker."""

from __future__ import annotations

import pytest

from resilient_claude.testing.voice import Silence, Utterance
from resilient_claude.testing.voice.heard import Sound, silences, utterances
from resilient_claude.testing.voice.marks import SOUND


def sound(
    text: str,
    start_s: float,
    *,
    upto: float = 1.0,
    of: float = 0.0,
    segment: int = 0,
    cut: bool = False,
    mark: int = 1,
) -> Sound:
    """A word that takes 0.3 s when it is heard whole."""
    return Sound(mark, text, start_s, start_s + 0.3 * (upto - of), of, upto, segment, cut)


def test_a_word_that_was_cut_is_its_beginning() -> None:
    """Letters in proportion to the audio."""
    (heard,) = utterances([sound("We ", 1.0), sound("understand", 1.3, upto=0.5, cut=True)])

    assert (heard.text, heard.whole) == ("We under", False)
    assert heard.words == ["We", "under"]


def test_the_rest_of_a_word_is_the_rest() -> None:
    """After a pause in mid-word."""
    first, rest = utterances(
        [sound("understand", 1.0, upto=0.5), sound("understand", 3.0, of=0.5), sound(" it", 3.15)]
    )

    assert (first.text, first.whole) == ("under", False)
    assert (rest.text, rest.whole) == ("stand it", True)


def test_sentences_that_were_spoken_one_by_one_are_set_apart() -> None:
    """Else two of them read as one word; a word that was paused in the middle stays one."""
    texts = ["Sorry.", "Again?", "At ", "5.30", " ..."]
    sounds = [sound(text, 1 + 0.3 * n, mark=n + 1) for n, text in enumerate(texts)]
    halves = [sound("understand", 1.0, upto=0.5), sound("understand", 1.15, of=0.5)]

    assert [each.text for each in utterances(sounds)] == ["Sorry. Again? At 5.30 ..."]
    assert [each.text for each in utterances(halves)] == ["understand"]


def test_words_that_were_thrown_away_make_what_was_heard_a_part() -> None:
    """Cut between two words: every word was whole, the sentence was not."""
    (heard,) = utterances([sound("We ", 1.0, cut=True), sound("open", 1.3, cut=True)])

    assert (heard.text, heard.whole) == ("We open", False)


def test_a_pause_or_a_new_playout_begins_a_new_utterance() -> None:
    """A hold line and the answer that follows at once are two."""
    heard = utterances(
        [sound("One.", 1.0), sound("Two.", 1.3, segment=1), sound("Three.", 2.0, segment=1)]
    )

    assert [each.text for each in heard] == ["One.", "Two.", "Three."]
    assert [each.whole for each in heard] == [True, True, True]


def test_audio_without_words_is_a_sound() -> None:
    """Canned audio, or music."""
    (heard,) = utterances([sound("", 1.0, mark=SOUND)])

    assert (heard.text, heard.whole) == ("[sound]", True)


def said(start_s: float, end_s: float) -> Utterance:
    return Utterance("x", start_s, end_s, "caller")


def agent(start_s: float, end_s: float) -> Utterance:
    return Utterance("y", start_s, end_s)


@pytest.mark.parametrize(
    ("of_caller", "of_agent", "expected"),
    [
        pytest.param([said(0, 1)], [agent(2, 3)], [Silence(1, 2)], id="an answer"),
        pytest.param([said(0, 1)], [], [Silence(1, 9, ended=False)], id="none"),
        pytest.param([said(0, 1), said(5, 6)], [agent(7, 8)], [Silence(1, 7)], id="hello?"),
        pytest.param(
            [said(0, 1)],
            [agent(2, 3), agent(6, 7)],
            [Silence(1, 2), Silence(3, 6, "gap")],
            id="a gap",
        ),
        pytest.param([], [agent(1, 2)], [], id="a greeting"),
        pytest.param(
            [said(0, 1), said(5, 6)],
            [agent(2, 3), agent(7, 8)],
            [Silence(1, 2), Silence(6, 7)],
            id="his own pause",
        ),
        pytest.param(
            [said(0, 1), said(2.5, 4)],
            [agent(2, 3), agent(5, 6)],
            [Silence(1, 2), Silence(4, 5)],
            id="barge-in",
        ),
    ],
)
def test_silences_are_what_the_caller_waits(
    of_caller: list[Utterance], of_agent: list[Utterance], expected: list[Silence]
) -> None:
    """From his last word, or from the agent's last sound when he has not said anything since."""
    assert silences(of_caller, of_agent, 9.0) == expected
