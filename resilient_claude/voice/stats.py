"""What the caller heard, or did not: silence as heard, per wait. Pure: times are handed in."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

WaitOutcome: TypeAlias = Literal["answered", "apologised", "gave_up", "abandoned", "silent"]

WAITS_KEPT = 1000
FIRST_TOKENS_KEPT = 100
FIRST_TOKENS_NEEDED = 20
AUTO_LEAST_S, AUTO_START_S, AUTO_MOST_S = 1.5, 2.5, 4.0


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest of *values* that a *share* of them does not exceed; None if there are none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStats:
    """One wait of the caller's.

    Attributes:
        silence_s: the longest stretch without a voice, from his last word (or, if no end of speech
            was seen, from the commit of his turn) to the next sound of the agent's. Where a tool
            runs behind words ("Let me look."), from the end of these: that is a wait of its own,
            which is left out if no words follow.
        waited_s: from there to the first sound of the answer or the apology, or to the end.
        hold_lines: lines said meanwhile.
        outcome: "answered", "apologised", "gave_up"; "silent" if the reply had no words;
            "abandoned" if nothing had come when he left or went on to something else.
    """

    silence_s: float
    waited_s: float
    hold_lines: int
    outcome: WaitOutcome


@dataclass(slots=True)
class VoiceStats:
    """What callers heard in this session, told by `care.stats`.

    Attributes:
        waits: the last waits that are over, the oldest first, at most a thousand.
        hold_lines: lines that went out.
        apologies: apologies that went out.
        broke_off: answers that broke off after words.
        give_ups: how often it was given up.
        abandoned: waits in which nothing came before the caller left or went on.
    """

    waits: deque[WaitStats] = field(default_factory=lambda: deque(maxlen=WAITS_KEPT))
    hold_lines: int = 0
    apologies: int = 0
    broke_off: int = 0
    give_ups: int = 0
    abandoned: int = 0

    @property
    def silence_p50_s(self) -> float | None:
        """Seconds of silence that half of the waits did not exceed."""
        return quantile((wait.silence_s for wait in self.waits), 0.5)

    @property
    def silence_p95_s(self) -> float | None:
        """Seconds of silence that 95 % of the waits did not exceed."""
        return quantile((wait.silence_s for wait in self.waits), 0.95)

    @property
    def silence_max_s(self) -> float | None:
        """Seconds of the longest silence."""
        return quantile((wait.silence_s for wait in self.waits), 1.0)


class SilenceMeter:
    """Measures one wait after the other, and files them in *stats*."""

    def __init__(self, stats: VoiceStats) -> None:
        self._stats = stats
        self._began: float | None = None
        self._last_began: float | None = None
        self._silent_since = 0.0
        self._last_word: float | None = None
        self._voice = False
        self._longest_s = 0.0
        self._behind_words = False

    def caller_fell_silent(self, now: float) -> None:
        """The caller's last word was at *now*."""
        self._last_word = now

    def caller_went_away(self) -> None:
        """What he said, if it was a word, is not waited for any more."""
        self._last_word = None

    def began(self, now: float) -> None:
        """A turn of his was committed at *now*; in a wait that goes on, nothing changes."""
        if self._began is None:
            since = now if self._last_word is None else self._last_word
            self._began = self._silent_since = since
            self._longest_s, self._last_word, self._behind_words = 0.0, None, False

    def tool_began(self, now: float) -> None:
        """A tool runs from *now* on; if he has heard words, he waits for what it finds."""
        if self._began is None:
            self._began, self._longest_s, self._behind_words = now, 0.0, True

    @property
    def voice(self) -> bool:
        """Whether the agent is heard."""
        return self._voice

    def voice_started(self, now: float) -> None:
        """The agent is heard from *now* on."""
        if not self._voice:
            self._longest_s = max(self._longest_s, now - self._silent_since)
        self._voice = True

    def voice_stopped(self, now: float) -> None:
        """The agent is not heard any more."""
        self._voice, self._silent_since = False, now

    def ended(self, now: float, outcome: WaitOutcome, hold_lines: int) -> None:
        """The wait is over, if there is one."""
        self._last_began = self._began
        if self._began is None:
            return
        if self._behind_words and outcome in ("abandoned", "silent"):  # "Goodbye." it may have been
            self._began = None
            return
        if not self._voice:
            self._longest_s = max(self._longest_s, now - self._silent_since)
        self._stats.waits.append(
            WaitStats(
                silence_s=self._longest_s,
                waited_s=max(now - self._began, 0.0),
                hold_lines=hold_lines,
                outcome=outcome,
            )
        )
        self._stats.abandoned += outcome == "abandoned"
        self._began = None
        if outcome != "abandoned":  # then his last word begins the next wait
            self._last_word = None

    def talked_over(self) -> None:
        """The apology with which the last wait ended was no end of it."""
        if self._began is None and self._last_began is not None:
            self._began = self._last_began
            self._stats.waits.pop()


class FirstTokens:
    """How long the first word of this session's answers took, from the commit of the turn."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=FIRST_TOKENS_KEPT)

    def add(self, seconds: float) -> None:
        """One more."""
        self._seconds.append(seconds)

    def hold_after_s(self) -> float:
        """What "auto" stands for: their p95 within 1.5 to 4 s.

        Few of them say little of the slowest, so that 2.5 s is the least until there are 20.
        """
        p95 = quantile(self._seconds, 0.95) or 0.0
        few = len(self._seconds) < FIRST_TOKENS_NEEDED
        return min(max(p95, AUTO_START_S if few else AUTO_LEAST_S), AUTO_MOST_S)
