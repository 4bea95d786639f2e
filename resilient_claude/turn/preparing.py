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
    until = asyncio.get_running_loop().time() + PREPARE_S
    made: Request | Fault = request
    remake = request.remake
    for _ in range(_ROUNDS):
        if remake is None or isinstance(made, Fault) or not made.preparations:
            break
        in_time = await _in_threads(made.preparations, aborted, until=until)
        made = remake()
        if not in_time:
            break
    return made


async def _in_threads(
    preparations: Sequence[Callable[[], object]], aborted: asyncio.Event, *, until: float
) -> bool:
    """Do them all; whether that was done in time."""
    loop = asyncio.get_running_loop()
    stop = loop.create_task(aborted.wait())
    waits_for: set[asyncio.Future[Any]] = {
        loop.run_in_executor(None, each) for each in preparations
    }
    try:
        while waits_for and not stop.done() and loop.time() < until:
            done, _ = await asyncio.wait(
                {stop, *waits_for},
                timeout=until - loop.time(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for each in waits_for & done:
                each.exception()  # a word stands for that image, and the turn goes on
            waits_for -= done
    finally:
        for each in waits_for:
            each.cancel()  # what has begun goes on in its thread, for the next turn
        stop.cancel()
        await asyncio.wait([stop])
    return not waits_for
