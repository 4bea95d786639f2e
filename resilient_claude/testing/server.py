"""A Claude on a real socket that fails on script."""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar, get_args

from resilient_claude.testing.connection import Connection
from resilient_claude.testing.http1 import RecordedRequest
from resilient_claude.testing.ledger import Ledger
from resilient_claude.testing.script import Answer, Step
from resilient_claude.testing.tls import Certificates, TlsMode

_T = TypeVar("_T")
_HOST = "127.0.0.1"
_CONTROL_TIMEOUT_S = 5.0


class SimulatedClaude:
    """A Messages API on 127.0.0.1, in a thread of its own.

    Every `POST /v1/messages` consumes one step; when none is left it gets *default*. Every method
    may be called from any thread.

    ```python
    with SimulatedClaude(HttpError(529), Answer("Hello again.")) as claude:
        client = anthropic.Anthropic(base_url=claude.base_url, api_key="test")
    ```

    Args:
        steps: What the first requests get.
        tls: Speak TLS, with a certificate for localhost and 127.0.0.1 (needs trustme).
        strict: Refuse requests that break the documented rules of the Messages API, with the
            documented error, rather than play their step (which they consume all the same).
        default: What every request after the steps gets.
    """

    def __init__(
        self,
        *steps: Step,
        tls: bool = False,
        strict: bool = True,
        default: Step = Answer("Hello."),  # noqa: B008 -- frozen
    ) -> None:
        self._ledger = Ledger(steps, default)
        self._strict = strict
        self._tls = tls
        self._certificates: Certificates | None = None
        self._tls_mode: TlsMode = "normal"
        self._port = 0
        self._listener: socket.socket | None = None
        self._listening = False
        self._accepted: list[Connection] = []
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
        return f"https://localhost:{self._port}" if self._tls else f"http://{_HOST}:{self._port}"

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
        return len(self._accepted)

    @property
    def open_connections(self) -> int:
        """How many of them are open on our side; none when the server is stopped."""
        return len(self._call(self._open_now)) if self._loop is not None else 0

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1.

        Raises:
            RuntimeError: It is running already, or TLS is wanted and trustme is not installed.
        """
        if self._thread is not None:
            raise RuntimeError("SimulatedClaude is running already")
        self._certificates = Certificates.issue() if self._tls else None
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(ready)), name="simulated-claude", daemon=True
        )
        self._thread.start()
        ready.result(_CONTROL_TIMEOUT_S)

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
        for task in [task for each in self._accepted for task in each.tasks]:
            if not task.cancelled() and (exc := task.exception()) is not None:
                raise RuntimeError("SimulatedClaude has a bug: a connection failed") from exc

    def script(self, *steps: Step) -> None:
        """Append *steps*."""
        self._ledger.script(steps)

    def wait_for_requests(self, n: int, timeout_s: float = 5.0) -> list[RecordedRequest]:
        """Wait until *n* requests for messages have arrived in all.

        Raises:
            TimeoutError: Fewer arrived within *timeout_s* seconds.
        """
        return self._ledger.wait_for_requests(n, timeout_s)

    def refuse(self) -> None:
        """Let new connections fail with ECONNREFUSED; open ones live on."""
        self._call(self._refuse)

    def listen(self) -> None:
        """Accept connections again, on the same port."""
        self._call(self._listen)

    def drop_idle(self) -> None:
        """Close the connections that wait for a request."""
        self._call(self._drop_idle)
        # Asyncio closes sockets in the next turn of the loop, so one more turn and they are closed.
        self._call(lambda: None)

    def go_dark(self) -> None:
        """Let the connections that are open now swallow bytes for ever; new ones work."""
        self._call(self._go_dark)

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
        self._call(lambda: self._set_tls_mode(mode))

    async def _main(self, ready: "Future[None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            self._listener = _bound_socket(0)
            self._port = self._listener.getsockname()[1]
            self._listen()
        except OSError as exc:
            ready.set_exception(exc)
            return
        ready.set_result(None)
        await self._stopping.wait()
        self._refuse()
        self._listener.close()
        tasks = [task for each in self._accepted for task in each.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, function: Callable[[], _T]) -> _T:
        """Run *function* on the server's loop."""
        loop = self._loop
        if loop is None:
            raise RuntimeError("SimulatedClaude is not running")

        async def run() -> _T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), loop).result(_CONTROL_TIMEOUT_S)

    def _listen(self) -> None:
        if not self._listening:
            assert self._loop is not None
            assert self._listener is not None
            self._listener.listen(128)
            self._loop.add_reader(self._listener, self._accept)
            self._listening = True

    def _refuse(self) -> None:
        if self._listening:
            assert self._loop is not None
            assert self._listener is not None
            self._accept()
            self._loop.remove_reader(self._listener)
            self._listener.close()
            # Bound but not listening: connecting is refused and nobody else gets the port.
            self._listener = _bound_socket(self._port)
            self._listening = False

    def _accept(self) -> None:
        while True:
            assert self._listener is not None
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            self._accepted.append(
                Connection(
                    sock,
                    len(self._accepted) + 1,
                    self._ledger,
                    context=self._certificates.context if self._certificates else None,
                    tls_mode=self._tls_mode,
                    strict=self._strict,
                )
            )

    def _drop_idle(self) -> None:
        for connection in self._open_now():
            if connection.idle:
                connection.close()

    def _go_dark(self) -> None:
        for connection in self._open_now():
            connection.go_dark()

    def _set_tls_mode(self, mode: TlsMode) -> None:
        self._tls_mode = mode

    def _open_now(self) -> list[Connection]:
        if self._listening:
            self._accept()
        return [each for each in self._accepted if not each.task.done()]


def _bound_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((_HOST, port))
    return sock
