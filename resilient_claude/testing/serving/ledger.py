"""What the server's thread and the test share: the script and the recorded requests."""

import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import count

from resilient_claude.testing.rules.cache_diagnosis import CacheDiagnoses
from resilient_claude.testing.rules.prompt_cache import PromptCache
from resilient_claude.testing.rules.rejecting import Part, rejection
from resilient_claude.testing.rules.validation import validate
from resilient_claude.testing.script.answers import Answer, HttpError, Raw
from resilient_claude.testing.script.breaks import Break, Step
from resilient_claude.testing.script.thoughts import check_not_negative
from resilient_claude.testing.script.wire import message_id

from .http1 import RecordedRequest, RequestHead, record


class Ledger:
    """The script and the recorded requests; every method may be called from any thread."""

    def __init__(
        self,
        steps: Iterable[Step],
        default: Step,
        *,
        rejects: Collection[Part] = (),
        cache: bool = False,
    ) -> None:
        self._changed = threading.Condition()
        self._rejects = rejects
        self._cache = PromptCache() if cache else None
        self._diagnoses = CacheDiagnoses()
        self._aged_s = 0.0
        self._default = default
        self._outage: Step | None = None
        self._steps: deque[Step] = deque()
        self._requests: list[RecordedRequest] = []
        self._other_requests: list[RecordedRequest] = []
        self._serials = count(1)
        self._started_at_s = time.monotonic()
        self.script(steps)

    @property
    def elapsed_s(self) -> float:
        """The seconds that `RecordedRequest.at_s` counts, now."""
        return time.monotonic() - self._started_at_s

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests for messages so far."""
        with self._changed:
            return list(self._requests)

    @property
    def other_requests(self) -> list[RecordedRequest]:
        """All other requests so far."""
        with self._changed:
            return list(self._other_requests)

    def script(self, steps: Iterable[Step]) -> None:
        """Append *steps*.

        Raises:
            TypeError: One of them is no step.
        """
        checked = tuple(map(_checked, steps))
        with self._changed:
            self._steps.extend(checked)

    def unscript(self) -> None:
        """Forget the steps that no request has met."""
        with self._changed:
            self._steps.clear()

    def outage(self, step: Step) -> None:
        """Give *step* to every request until `heal`; the script waits.

        Raises:
            TypeError: It is no step.
        """
        checked = _checked(step)
        with self._changed:
            self._outage = checked

    def heal(self) -> None:
        """Go on with the script."""
        with self._changed:
            self._outage = None

    def age_cache(self, seconds: float) -> None:
        """Let *seconds* pass for the prompt cache alone."""
        check_not_negative("seconds", seconds)
        with self._changed:
            self._aged_s += seconds

    def counted(self, answer: Answer, request: RecordedRequest, *, serial: int) -> Answer:
        """Count the tokens of *request* into *answer*, as the prompt cache has it, if there is one.

        Args:
            answer: What the request gets.
            request: What asked for it; nothing is counted if it breaks the API's rules.
            serial: Of the answer.
        """
        if self._cache is None or validate(request.headers, request.raw_body) is not None:
            return answer
        with self._changed:
            usage = self._cache.use(request.body, self.elapsed_s + self._aged_s).usage()
            diagnostics = answer.diagnostics
            if "diagnostics" in request.body:
                diagnostics = self._diagnoses.of(request.body, message_id(serial))
        return replace(answer, usage={**usage, **answer.usage}, diagnostics=diagnostics)

    def serial(self) -> int:
        """Return the next number for ids."""
        with self._changed:
            return next(self._serials)

    def accept(self) -> Break | None:
        """Take the next step if a new connection consumes it."""
        with self._changed:
            step = self._outage or (self._steps[0] if self._steps else self._default)
            if not (isinstance(step, Break) and step.at == "accept"):
                return None
            self._take()
            return step

    def receive(self, head: RequestHead, raw_body: bytes, *, connection: int) -> RecordedRequest:
        """Record a request that is no request for a message."""
        with self._changed:
            request = self._record(head, raw_body, connection)
            self._other_requests.append(request)
            return request

    def receive_message_request(
        self, head: RequestHead, raw_body: bytes, *, connection: int, step: Step | None
    ) -> tuple[RecordedRequest, Step]:
        """Record a request for a message, and take the step it consumes unless it has one."""
        with self._changed:
            request = self._record(head, raw_body, connection)
            if step is None:
                step = self._take()
            self._requests.append(request)
            self._changed.notify_all()
        return request, rejection(self._rejects, request.headers, request.body) or step

    def wait_for_requests(self, n: int, timeout_s: float) -> list[RecordedRequest]:
        """Wait until *n* requests for messages have been recorded.

        Raises:
            TimeoutError: There were fewer.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= n, timeout_s):
                got = len(self._requests)
                raise TimeoutError(f"expected {n} requests within {timeout_s} s, got {got}")
            return list(self._requests)

    def _take(self) -> Step:
        if self._outage is not None:
            return self._outage
        return self._steps.popleft() if self._steps else self._default

    def _record(self, head: RequestHead, raw_body: bytes, connection: int) -> RecordedRequest:
        return record(head, raw_body, connection=connection, at_s=self.elapsed_s)


def _checked(step: Step) -> Step:
    if not isinstance(step, Answer | HttpError | Raw | Break):
        hint = ": pass each step by itself, as *steps" if isinstance(step, list | tuple) else ""
        raise TypeError(f"a step is an Answer, HttpError, Raw or Break, got {step!r}{hint}")
    return step
