"""The certificates that are trusted: loading them takes a tenth of a second of CPU, once.

LiveKit's fork server loads them for all jobs, see `resilient_claude.preload`; in any other process
a thread does, so that no event loop stands still. Both have been there before anybody speaks.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from concurrent.futures import Future

import httpx2

from .tls import ObservedSSLObject


class Certificates:
    """The certificates that the environment names when this is made.

    `SSL_CERT_FILE`, else `SSL_CERT_DIR`, else those of the system.

    Raises:
        ValueError: a variable names what is not there.
    """

    def __init__(self) -> None:
        self._variable, self._path = _named()
        self._loading = _load(self._path, in_thread=True)

    async def context(self) -> ssl.SSLContext:
        """The context, when it is loaded.

        Raises:
            ssl.SSLError: what the variable names holds no certificates.
        """
        if self._loading.done() and self._loading.exception() is not None:
            self._loading = _load(self._path, in_thread=True)  # it may have been mended
        try:
            return await asyncio.wrap_future(self._loading)
        except OSError as exc:
            where = f"{self._variable} ({self._path})" if self._variable else "the system's bundle"
            raise ssl.SSLError(f"no certificates can be loaded from {where}") from exc


def preload() -> None:
    """Load the certificates that the environment names, here and now."""
    _, path = _named()
    _load(path, in_thread=False)


def _named() -> tuple[str | None, str | None]:
    """The variable that names certificates, and what it names.

    Raises:
        ValueError: that is not there.
    """
    for variable, exists in (("SSL_CERT_FILE", os.path.isfile), ("SSL_CERT_DIR", _any_directory)):
        path = os.environ.get(variable)
        if path:
            if not exists(path):
                raise ValueError(f"{variable} names {path!r}, which is not there: mend or unset it")
            return variable, path
    return None, None


def _any_directory(paths: str) -> bool:
    return any(os.path.isdir(path) for path in paths.split(os.pathsep))


_loads: dict[str | None, Future[ssl.SSLContext]] = {}
_MOST_LOADS = 4


def _load(path: str | None, *, in_thread: bool) -> Future[ssl.SSLContext]:
    """The context for the certificates in *path*, shared by all who ask for the same."""
    known = _loads.get(path)
    if known is not None and not (known.done() and known.exception() is not None):
        return known
    if len(_loads) >= _MOST_LOADS:
        _loads.clear()
    loading = _loads[path] = Future()
    loading.set_running_or_notify_cancel()  # one of several who wait may leave
    if in_thread:
        threading.Thread(target=_create, args=(loading,), name="certificates", daemon=True).start()
    else:
        _create(loading)
    return loading


def _create(loading: Future[ssl.SSLContext]) -> None:
    try:
        context: ssl.SSLContext = httpx2.create_ssl_context()  # which reads the two variables
        context.sslobject_class = ObservedSSLObject
    except BaseException as exc:  # noqa: BLE001 - whoever waits for it gets to see it
        loading.set_exception(exc)
    else:
        loading.set_result(context)
