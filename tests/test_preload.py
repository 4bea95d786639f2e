"""A real worker of LiveKit: a fork server that loads everything once, and jobs that begin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import resilient_claude.preload
from resilient_claude.testing import Answer, HttpError, SimulatedClaude
from resilient_claude.transport import certificates
from tests.support import worker

ROOT = Path(__file__).parent.parent


def test_what_is_preloaded_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes later finds the certificates, and starts no thread for them."""
    assert resilient_claude.preload.__name__ == "resilient_claude.preload"
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    certificates.preload()

    before = {*certificates._loads.values()}
    certificates.Certificates()

    assert {*certificates._loads.values()} == before
    assert all(load.done() for load in before)


def test_turns_recover_in_the_processes_of_a_worker() -> None:
    """Lines reach the main process with their fields and their job's, and nothing is left."""
    steps = HttpError(529), Answer("Hello.")  # the jobs ask in any order: each its own Claude
    with SimulatedClaude(*steps) as one, SimulatedClaude(*steps) as two:
        result = subprocess.run(
            [sys.executable, "-m", "tests.support.worker", one.base_url, two.base_url],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=2 * worker.PATIENCE_S,
            check=False,
        )
        left = one.open_connections + two.open_connections

    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    turns = [line for line in seen["lines"] if line["message"] == worker.TURN]
    failed = [line for line in seen["lines"] if line.get("kind") == "overloaded"]
    assert [turn["text"] for turn in turns] == ["Hello.", "Hello."]
    assert len({turn["pid"] for turn in turns}) == 2
    assert [turn["newly"] for turn in turns] == ["", ""]  # what a job's event loop would wait for
    assert {line["room"] for line in failed} == {"one", "two"}
    assert all(line["job_id"] and line["model"] for line in failed)
    assert (seen["children"], left) == ([], 0)
