"""What is remembered of rejections: of whom, how much, and what did not help."""

from __future__ import annotations

import threading

from resilient_claude.request.repairs.rejections import EFFORT, SAMPLING
from resilient_claude.request.repairs.repair import Cause
from resilient_claude.turn.remembered import MOST_MODELS, MOST_OF_A_KIND, Remembered

HOST, MODEL = "api.anthropic.com", "claude-opus-4-6"
LOW = Cause(EFFORT, ("low", "None"))
COLD = Cause(SAMPLING, (("temperature", 0.0), "None"))


def test_nothing_is_known_at_first() -> None:
    """As of most models for ever."""
    remembered = Remembered()

    assert remembered.mends(HOST, MODEL) == ()
    assert not remembered.is_in_vain(HOST, MODEL, LOW)


def test_what_helped_is_kept_for_its_host_and_model() -> None:
    """Another one may take it."""
    remembered = Remembered()

    remembered.keep(HOST, MODEL, LOW)
    remembered.keep(HOST, MODEL, COLD)
    remembered.keep(HOST, MODEL, LOW)

    assert remembered.mends(HOST, MODEL) == (COLD, LOW)
    assert remembered.mends("gateway.example", MODEL) == remembered.mends(HOST, "other") == ()


def test_what_did_not_help_is_not_tried_again() -> None:
    """Each turn would ask twice, for nothing."""
    remembered = Remembered()
    remembered.keep(HOST, MODEL, LOW)

    remembered.keep(HOST, MODEL, LOW, helped=False)

    assert remembered.mends(HOST, MODEL) == ()
    assert remembered.is_in_vain(HOST, MODEL, LOW)
    assert not remembered.is_in_vain(HOST, MODEL, COLD)


def test_it_is_bounded() -> None:
    """A process may live for weeks, and ask for a thousand images."""
    remembered = Remembered()
    remembered.keep(HOST, MODEL, LOW)
    for number in range(MOST_OF_A_KIND + 5):
        remembered.keep(HOST, MODEL, Cause(SAMPLING, number))

    kept = [cause.about for cause in remembered.mends(HOST, MODEL)]
    for number in range(MOST_MODELS):
        remembered.keep(HOST, f"model-{number}", LOW)

    # Of another kind, nothing is lost.
    assert kept == [LOW.about, *range(5, MOST_OF_A_KIND + 5)]
    assert remembered.mends(HOST, MODEL) == ()
    assert remembered.mends(HOST, "model-0") == (LOW,)


def test_threads_lose_nothing_of_each_other() -> None:
    """Each may have an event loop with adapters of its own."""
    remembered = Remembered()
    threads = [
        threading.Thread(target=remembered.keep, args=(HOST, MODEL, Cause(SAMPLING, number)))
        for number in range(MOST_OF_A_KIND)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {cause.about for cause in remembered.mends(HOST, MODEL)} == {*range(MOST_OF_A_KIND)}
