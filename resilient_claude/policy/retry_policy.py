"""When a failed attempt is followed by another one: the settings. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

from livekit.agents.types import NotGivenOr
from livekit.agents.utils import is_given

from .timeouts import check_positive

RESUME_INSTRUCTION = (
    "The connection broke while you were speaking. The caller has already heard this:\n"
    "<heard>{said}</heard>\n"
    "Go on from exactly there: begin by repeating its last words, <last_words>{last_words}"
    "</last_words>, and continue the sentence as if nothing had happened. Do not start over, do "
    "not apologise, and do not mention the interruption."
)
"""Default of `RetryPolicy.resume_instruction`. The repeated words make an exact join; they are
dropped before the caller could hear them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a failed attempt is followed by another one.

    Waits are drawn with full jitter: uniformly between 0 and a cap that doubles with every
    attempt, so that the callers of an outage do not come back in step.
    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.

    Attributes:
        max_attempts: HTTP requests per turn at most, the first one included; those that go on
            with an answer (paused by server tools, or broken off) come on top. The default is
            chosen so that the silence budget ends first: the waits of 64 attempts, 1 s each on
            the average, add up to three times 20 s.
        max_silence_s: from `chat()` to the first speakable chunk, over all attempts and waits.
            No attempt starts in its last twentieth, which could only hide the true cause behind
            a time-out, and no attempt without progress outlives it.
        max_turn_s: from `chat()` to the end of the turn, whatever progress it makes.
        wait_base_s: cap of the first wait.
        throttled_wait_base_s: cap of the first wait after 429 or 529, where haste makes it worse.
        wait_multiplier: growth of the cap per attempt.
        wait_cap_s: the cap's own upper limit.
        on_interruption: what to do when a stream breaks after text was heard. "resume" asks Claude
            once to go on from where it stopped, unless a tool call had begun behind text (behind a
            note, there always is one); what was said stays said, and is not said again. "raise"
            ends the turn with an error.
        resume_instruction: how Claude is asked to go on, for models that do not continue an
            assistant message by themselves. Write it in the language of the call. `{said}` stands
            for all that was said, `{last_words}` for the last three words.

    Raises:
        TypeError: a value is not a number.
        ValueError: a value is out of its range.
    """

    max_attempts: int = 64
    max_silence_s: float = 20.0
    max_turn_s: float = 300.0
    wait_base_s: float = 0.1
    throttled_wait_base_s: float = 0.5
    wait_multiplier: float = 2.0
    wait_cap_s: float = 2.0
    on_interruption: Literal["raise", "resume"] = "resume"
    resume_instruction: str = RESUME_INSTRUCTION

    def __post_init__(self) -> None:
        if isinstance(self.max_attempts, bool) or not isinstance(self.max_attempts, int):
            raise TypeError(f"max_attempts must be an int, got {self.max_attempts!r}")
        if self.max_attempts < 1:
            raise ValueError(
                f"max_attempts must be >= 1 (1 means: never retry), got {self.max_attempts}"
            )
        for field in fields(self):
            if field.name.endswith("_s") or field.name == "wait_multiplier":
                check_positive(field.name, getattr(self, field.name))
        for name in ("wait_base_s", "throttled_wait_base_s"):
            if getattr(self, name) > self.wait_cap_s:
                raise ValueError(
                    f"{name} must not be above wait_cap_s, which would cut every wait, got "
                    f"{getattr(self, name):g} > {self.wait_cap_s:g}"
                )
        if self.max_silence_s > self.max_turn_s:
            raise ValueError(
                f"max_silence_s must not be above max_turn_s, which ends the turn before, got "
                f"{self.max_silence_s:g} > {self.max_turn_s:g}"
            )
        if not 1 <= self.wait_multiplier <= 100:
            raise ValueError(
                f"wait_multiplier must be from 1, so that waits do not shrink, to 100, "
                f"got {self.wait_multiplier}"
            )
        if self.on_interruption not in ("raise", "resume"):
            raise ValueError(
                f'on_interruption must be "raise" or "resume", got {self.on_interruption!r}'
            )
        if not isinstance(self.resume_instruction, str) or "{said}" not in self.resume_instruction:
            raise ValueError(
                "resume_instruction must hold {said}, which stands for what the caller has heard"
            )

    def capped(self, max_attempts: int) -> RetryPolicy:
        """The same policy with no more than *max_attempts*, and no fewer than one."""
        return replace(self, max_attempts=max(1, min(self.max_attempts, max_attempts)))


def policy_of(retry: RetryPolicy | None, max_retries: NotGivenOr[int]) -> RetryPolicy:
    """The policy that the constructor's arguments ask for.

    Raises:
        TypeError: *retry* is no RetryPolicy.
        ValueError: *max_retries*, the SDK's, is not left at 0.
    """
    if is_given(max_retries) and max_retries != 0:
        raise ValueError(
            f"max_retries must be 0, got {max_retries!r}: retries of the SDK would multiply with "
            f"those made here; use retry=RetryPolicy(max_attempts=...)"
        )
    if retry is None:
        return RetryPolicy()
    if not isinstance(retry, RetryPolicy):
        raise TypeError(f"retry must be a RetryPolicy, got {type(retry).__name__}")
    return retry
