"""A Claude on a real socket that fails on script.

Theory of operation. `start` binds a port and runs an event loop in a thread of its own. The
listener and its connections belong to that loop: what the test wants of them is handed to it by
`_call`, and has taken effect when the call returns. The script and the recorded requests belong to
nobody; the ledger's lock guards them. `stop` ends the loop and joins the thread. What was recorded
and what is left of the script outlive it, so that a server can be started again, on another port.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar, get_args

from resilient_claude.testing.clock.loop import ClockedLoop
from resilient_claude.testing.rules.endpoints import ENDPOINTS, PlatformName
from resilient_claude.testing.rules.rejecting import Part, check_parts
from resilient_claude.testing.script.answers import Answer
from resilient_claude.testing.script.breaks import Step
from resilient_claude.testing.serving.handshakes import ServerCertificates, TlsMode
from resilient_claude.testing.serving.http1 import RecordedRequest
from resilient_claude.testing.serving.ledger import Ledger
from resilient_claude.testing.serving.listener import HOST, Listener

_T = TypeVar("_T")
_CONTROL_TIMEOUT_S = 5.0


class SimulatedClaude:
    """A Messages API on 127.0.0.1, in a thread of its own.

    Every `POST /v1/messages` consumes one step; when none is left it gets *default*. Every method
    may be called from any thread.

    Example::

        with SimulatedClaude(HttpError(529), Answer("Hello again.")) as claude:
            client = anthropic.Anthropic(base_url=claude.base_url, api_key="test")

    Args:
        steps: What the first requests get.
        tls: Speak TLS, with a certificate for localhost and 127.0.0.1 (needs trustme).
        strict: Refuse requests that break the documented rules of the Messages API, with the
            documented error, rather than play their step (which they consume all the same).
        default: What every request after the steps gets.
        rejects: Parts of a request that it does not take, as an older model, a platform or a
            gateway may not: `prefill`, `forced_tool`, `sampling`, `thinking`, `effort`,
            `strict_tools`, `betas`, `thinking_blocks`, `images`, `container`, `server_blocks`. A
            request with one of them gets a documented 400 (a container a 404) in place of its step,
            which it consumes all the same.
        cache: Have a prompt cache: what a request reads from it and writes to it is in the usage of
            its answer, in place of the answer's own counts of the prompt.
        platform: Whose endpoint it is: its paths, its limits, and Bedrock's binary framing. Pass
            `base_url` to the SDK's client for that platform, such as `AsyncAnthropicBedrock`.

    Raises:
        TypeError: One of *steps* is none, or *rejects* is one name instead of a list.
        ValueError: *rejects* names something else, or there is no such platform.
    """

    def __init__(
        self,
        *steps: Step,
        tls: bool = False,
        strict: bool = True,
        cache: bool = False,
        default: Step = Answer("Hello."),  # noqa: B008 -- frozen
        rejects: Collection[Part] = (),
        platform: PlatformName = "anthropic",
    ) -> None:
        if platform not in ENDPOINTS:
            raise ValueError(f"platform must be one of {(*ENDPOINTS,)}, got {platform!r}")
        self._endpoint = ENDPOINTS[platform]
        self._ledger = Ledger(steps, default, rejects=check_parts(rejects), cache=cache)
        self._strict = strict
        self._tls = tls
        self._certificates: ServerCertificates | None = None
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """What to pass to a client as `base_url`."""
        port = self._started().port
        origin = f"https://localhost:{port}" if self._tls else f"http://{HOST}:{port}"
        return origin + self._endpoint.base_path

    @property
    def ca_file(self) -> str:
        """The PEM file of the CA to trust; it is removed by `stop`.

        Raises:
            RuntimeError: The server is not running, or not with TLS.
        """
        if self._certificates is None:
            raise RuntimeError("ca_file exists while SimulatedClaude(tls=True) is running")
        return str(self._certificates.ca_path)

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was made: what `RecordedRequest.at_s` counts."""
        return self._ledger.elapsed_s

    @property
    def requests(self) -> list[RecordedRequest]:
        """All `POST /v1/messages` so far, in order."""
        return self._ledger.requests

    @property
    def other_requests(self) -> list[RecordedRequest]:
        """All other requests so far, in order."""
        return self._ledger.other_requests

    @property
    def connections(self) -> int:
        """How many connections have been accepted so far."""
        return len(self._started().accepted)

    @property
    def open_connections(self) -> int:
        """How many of them are open on our side; none when the server is stopped."""
        listener = self._started()
        return len(self._call(listener.open_connections)) if self._loop is not None else 0

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1.

        Raises:
            RuntimeError: It is running already, or TLS is wanted and trustme is not installed.
        """
        if self._thread is not None:
            raise RuntimeError("SimulatedClaude is running already")
        self._certificates = ServerCertificates.issue() if self._tls else None
        context = self._certificates.context if self._certificates else None
        self._listener = Listener(
            self._ledger, context, strict=self._strict, endpoint=self._endpoint
        )
        ready = threading.Event()
        main = self._main(self._listener, ready)
        self._thread = threading.Thread(
            target=_run, args=(main,), name="simulated-claude", daemon=True
        )
        self._thread.start()
        ready.wait(_CONTROL_TIMEOUT_S)

    def stop(self) -> None:
        """Close everything; does nothing when it is not running.

        Raises:
            RuntimeError: The server itself failed while it served a request.
        """
        if self._thread is None:
            return
        assert self._stopping is not None
        self._call(self._stopping.set)
        self._thread.join()
        self._thread = self._loop = None
        if self._certificates is not None:
            self._certificates.remove()
            self._certificates = None
        bug = self._started().bug()
        if bug is not None:
            raise RuntimeError("SimulatedClaude has a bug: serving a connection failed") from bug

    def script(self, *steps: Step) -> None:
        """Append *steps*."""
        self._ledger.script(steps)

    def unscript(self) -> None:
        """Forget the steps that no request has met: from here on, the script is a new one."""
        self._ledger.unscript()

    def outage(self, step: Step) -> None:
        """Give *step* to every request from now on, until `heal`; the script waits meanwhile.

        What is being answered already is answered to its end. Another outage takes the place of
        the one before.

        Raises:
            TypeError: It is no step.
        """
        self._ledger.outage(step)

    def heal(self) -> None:
        """End the outage: the next request gets the next step of the script, or the default."""
        self._ledger.heal()

    def age_cache(self, seconds: float) -> None:
        """Let *seconds* pass for the prompt cache: what is not used for its ttl is gone.

        Raises:
            TypeError: It is no number.
            ValueError: It is negative.
        """
        self._ledger.age_cache(seconds)

    def wait_for_requests(self, n: int, timeout_s: float = 5.0) -> list[RecordedRequest]:
        """Wait until *n* requests for messages have arrived in all.

        Raises:
            TimeoutError: Fewer arrived within *timeout_s* seconds.
        """
        return self._ledger.wait_for_requests(n, timeout_s)

    def refuse(self) -> None:
        """Let new connections fail with ECONNREFUSED; open ones live on."""
        self._call(self._started().refuse)

    def listen(self) -> None:
        """Accept connections again, on the same port."""
        self._call(self._started().listen)

    def drop_idle(self) -> None:
        """Close the connections that wait for a request."""
        self._call(self._started().drop_idle)
        # Asyncio closes sockets in the next turn of the loop, so one more turn and they are closed.
        self._call(lambda: None)

    def go_dark(self) -> None:
        """Let the connections that are open now swallow bytes for ever; new ones work."""
        self._call(self._started().go_dark)

    def tls_mode(self, mode: TlsMode) -> None:
        """Choose what new connections meet.

        Args:
            mode: `normal`, `hang` (silence), `alert` (handshake_failure) or `plaintext`.

        Raises:
            ValueError: There is no such mode, or the server has no TLS.
        """
        if mode not in get_args(TlsMode):
            raise ValueError(f"mode must be one of {get_args(TlsMode)}, got {mode!r}")
        if not self._tls:
            raise ValueError("tls_mode needs SimulatedClaude(tls=True)")
        listener = self._started()

        def switch() -> None:
            listener.open_connections()  # those in the backlog came before the switch
            listener.tls_mode = mode

        self._call(switch)

    async def _main(self, listener: Listener, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        listener.listen()
        ready.set()
        await self._stopping.wait()
        await listener.close()

    def _started(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("SimulatedClaude has not been started: use `with` or start()")
        return self._listener

    def _call(self, function: Callable[[], _T]) -> _T:
        """Run *function* on the server's loop."""
        if self._loop is None:
            raise RuntimeError("SimulatedClaude is not running")

        async def run() -> _T:
            return function()

        result: Future[_T] = asyncio.run_coroutine_threadsafe(run(), self._loop)
        return result.result(_CONTROL_TIMEOUT_S)


def _run(main: Coroutine[None, None, None]) -> None:
    # Not the loop of the application's policy: uvloop's and the Windows default one have other
    # transports, and the latter no add_reader. This one's waits can be skipped.
    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        runner.run(main)
