"""Whether an answer may still come to nothing, because the caller's turn is not over.

With preemptive generation, livekit's default, a session asks as soon as a transcript is final. If
the caller speaks on, it cancels that turn and asks anew; if he does not, it schedules the speech:
from then on the turn is committed. What cannot be seen is whether he will: four finals of one
sentence are four turns, and only the last one is heard.
"""

from __future__ import annotations

import asyncio

from livekit.agents.utils import aio
from livekit.agents.voice import SpeechHandle

from .livekit_internals import until_scheduled

HOLD_S = 2.0
"""How long a retry waits for the caller's turn to be committed at most, in seconds."""


class Speculation:
    """Whether one turn is still speculative.

    Args:
        speech: what the session means to speak of its answer; None outside of a session.
    """

    def __init__(self, speech: SpeechHandle | None) -> None:
        self._speech = speech

    @property
    def is_open(self) -> bool:
        """Whether livekit may still discard the answer."""
        return self._speech is not None and not self._speech.scheduled

    async def hold(self, aborted: asyncio.Event, *, at_most_s: float) -> None:
        """Wait until the caller's turn is committed, or until *aborted*.

        Args:
            aborted: set when the adapter closes.
            at_most_s: seconds that are left for it; never longer than `HOLD_S`.
        """
        if self._speech is None or not self.is_open:
            return
        ends = [until_scheduled(self._speech), aborted.wait()]
        tasks = [asyncio.ensure_future(end) for end in ends]
        try:
            timeout_s = max(min(HOLD_S, at_most_s), 0.0)
            await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await aio.cancel_and_wait(*tasks)
