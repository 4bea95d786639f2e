"""What requests were rejected for, by host and model: so that the next turns do not ask in vain.

It lasts as long as the process, and is shared by its adapters: jobs that follow each other ask the
same API. It holds digests of what was rejected, and nothing of any conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from resilient_claude.request.repairs.repair import Cause

MOST_MODELS = 64
"""How many pairs of host and model are remembered; the oldest is forgotten first."""
MOST_OF_A_KIND = 8
"""How many rejections of each, for one kind of reason; likewise. Every later turn checks each."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Of one host and model: each cause, and whether the request was taken once it was mended."""

    causes: Mapping[Cause, bool]
    mends: tuple[Cause, ...]


class Remembered:
    """Why requests were rejected. May be used by several threads.

    Readers take no lock: what is known of a host and model is never changed, but replaced.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}
        self._lock = Lock()

    def mends(self, host: str, model: str) -> tuple[Cause, ...]:
        """What to mend in requests to *model* at *host* before they are sent, in order."""
        known = self._known.get((host, model))
        return () if known is None else known.mends

    def is_in_vain(self, host: str, model: str, cause: Cause) -> bool:
        """Whether a request was mended for *cause* and was rejected for the same reason again."""
        known = self._known.get((host, model))
        return known is not None and known.causes.get(cause) is False

    def keep(self, host: str, model: str, cause: Cause, *, helped: bool = True) -> None:
        """Remember *cause*, and whether it *helped* to mend it."""
        with self._lock:
            known = self._known.pop((host, model), None)
            causes = {} if known is None else dict(known.causes)
            causes.pop(cause, None)
            causes[cause] = helped
            alike = [each for each in causes if each.repair is cause.repair]
            if len(alike) > MOST_OF_A_KIND:
                del causes[alike[0]]
            mends = tuple(each for each, has_helped in causes.items() if has_helped)
            self._known[host, model] = _Known(causes, mends)
            if len(self._known) > MOST_MODELS:
                del self._known[next(iter(self._known))]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()


OF_THIS_PROCESS = Remembered()
"""What the adapters of this process share."""
