"""What a request needs that takes too long for the event loop: done in threads, before it is sent.

That is to encode the frames of a video, and to make images smaller. Its results are kept with the
history, so each is done once; a turn that could not wait for them finds them in the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from resilient_claude.failures.faults import Fault
from resilient_claude.request.request import Request

PREPARE_S = 3.0
"""How long a turn waits for its images, in seconds; a word stands for those that take longer."""
_ROUNDS = 3
"""How often what was prepared may need more: a frame is encoded first, and then made smaller."""


async def prepared(request: Request, aborted: asyncio.Event) -> Request | Fault:
    """*request* with all that it needs, as far as there is time for it.

    Args:
        request: What has preparations.
        aborted: Ends the wait.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + PREPARE_S
    made: Request | Fault = request
    remake = request.remake
    for _ in range(_ROUNDS):
        if remake is None or isinstance(made, Fault) or not made.preparations:
            break
        await _in_threads(made.preparations, aborted, at_most_s=until - loop.time())
        made = remake()
    return made


async def _in_threads(
    preparations: Sequence[Callable[[], object]], aborted: asyncio.Event, *, at_most_s: float
) -> None:
    loop = asyncio.get_running_loop()
    stop = loop.create_task(aborted.wait())
    # What one raises is its own matter: a word stands for that image, and the turn goes on.
    work = asyncio.gather(
        *(loop.run_in_executor(None, each) for each in preparations), return_exceptions=True
    )
    try:
        first: list[asyncio.Future[Any]] = [work, stop]
        timeout_s = max(0.0, at_most_s)
        await asyncio.wait(first, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        work.cancel()  # what has begun goes on in its thread, for the next turn
        stop.cancel()
        await asyncio.wait([stop])
