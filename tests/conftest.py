"""The fixtures of all tests: adapters that talk to a Claude that fails on script, and their log."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, settings

from resilient_claude import ResilientClaudeLLM
from resilient_claude.telemetry.ending_models import ENDING_MODELS
from resilient_claude.telemetry.log import LOGGER_NAME
from resilient_claude.testing import SimulatedClaude
from resilient_claude.turn.remembered import OF_THIS_PROCESS
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.lines import Lines

# A slow machine is no counterexample.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
if "HYPOTHESIS_PROFILE" not in os.environ:
    settings.load_profile("unhurried")


def pytest_xdist_auto_num_workers() -> int:
    """Two workers to a core: most tests wait for a clock for half of their time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one authority where nothing else is said.

    Each of the SDK's clients loads all that certifi has when it is made, which takes longer than
    most tests. What is trusted by default is the subject of test_certificates.py alone.
    """
    file = tmp_path_factory.mktemp("trusted") / "authority.pem"
    trustme.CA().cert_pem.write_to_path(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="session", autouse=True)
def only_tests_are_traced() -> Iterator[None]:
    """Not the processes that they start: those would take twice as long to import livekit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """What one simulated Claude rejects, another one on the same port may take.

    And what is told once in a process is told once in a test.
    """
    yield
    OF_THIS_PROCESS.clear()
    ENDING_MODELS.forget()


@pytest.fixture
def make_llm(monkeypatch: pytest.MonkeyPatch) -> MakeLLM:
    """Adapters with short waits, for a simulated Claude over TCP or TLS."""

    def make(claude: SimulatedClaude, **arguments: Any) -> ResilientClaudeLLM:
        if claude.base_url.startswith("https"):
            monkeypatch.setenv("SSL_CERT_FILE", claude.ca_file)
        where = {"base_url": claude.base_url, "api_key": KEY}
        return ResilientClaudeLLM(
            **{
                **({} if "client" in arguments else where),
                "retry": shrunk_policy(),
                **arguments,
            }
        )

    return make


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the adapter logs through stdlib's logging during the test."""
    handler = Lines()
    logger = logging.getLogger(LOGGER_NAME)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)
