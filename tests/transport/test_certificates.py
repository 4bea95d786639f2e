"""The certificates: loaded once, never on the event loop, and named where they are missing."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from resilient_claude import ResilientClaudeLLM
from resilient_claude.transport import certificates
from resilient_claude.transport.certificates import Certificates
from tests.support.adapters import KEY


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is named, and nothing loaded."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setattr(certificates, "_loads", {})
    return monkeypatch


async def test_they_are_loaded_once_and_off_the_loop(environment: pytest.MonkeyPatch) -> None:
    """It takes a tenth of a second, in which no audio would go out."""
    threads: list[threading.Thread] = []
    create = httpx2.create_ssl_context

    def recorded(*arguments: Any, **options: Any) -> ssl.SSLContext:
        threads.append(threading.current_thread())
        return create(*arguments, **options)

    environment.setattr(httpx2, "create_ssl_context", recorded)

    first, second = Certificates(), Certificates()

    assert await first.context() is await second.context()
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_what_is_not_there_is_an_error_at_construction(
    variable: str, environment: pytest.MonkeyPatch
) -> None:
    """The first caller would find out, and nobody would know where it came from."""
    environment.setenv(variable, "/nowhere/ca")

    with pytest.raises(ValueError, match=f"{variable} names '/nowhere/ca', which is not there"):
        ResilientClaudeLLM(api_key=KEY)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_an_empty_variable_names_nothing(variable: str, environment: pytest.MonkeyPatch) -> None:
    """So it is for OpenSSL's own tools."""
    environment.setenv(variable, "")

    Certificates()


async def test_a_file_without_certificates_is_named(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """OpenSSL names neither the file nor the variable."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificates")
    environment.setenv("SSL_CERT_FILE", str(bundle))
    named = Certificates()

    for _ in range(2):  # it is tried again: somebody may have mended it
        with pytest.raises(ssl.SSLError, match=rf"SSL_CERT_FILE \({bundle}\)"):
            await named.context()


async def test_no_more_contexts_are_kept_than_are_used(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that is given another bundle each hour would keep them all."""
    for number in range(2 * certificates._MOST_LOADS):
        directory = tmp_path / str(number)
        directory.mkdir()
        environment.setenv("SSL_CERT_DIR", str(directory))
        await Certificates().context()

    assert len(certificates._loads) <= certificates._MOST_LOADS
