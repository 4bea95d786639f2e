"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import ssl
import urllib.request


def test_plain(simulated_claude):
    assert simulated_claude.base_url.startswith("http://127.0.0.1:")


def test_plain_is_new_for_every_test(simulated_claude):
    assert simulated_claude.requests == []


def test_tls(simulated_claude_tls):
    context = ssl.create_default_context(cafile=simulated_claude_tls.ca_file)
    request = urllib.request.Request(
        simulated_claude_tls.base_url + "/v1/models",
        headers={"x-api-key": "key", "anthropic-version": "2023-06-01"},
    )
    with urllib.request.urlopen(request, context=context) as response:
        assert response.status == 200
"""


def outcome_of(path: Path, tests: str, *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run *tests* at *path*, in the pytest of a project that only installs us."""
    (path / "test_theirs.py").write_text(tests)
    arguments = ["-p", "resilient_claude.testing.pytest_plugin", "-q", "-W", "error", str(path)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        cwd=path,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_the_fixtures_give_a_running_server(tmp_path: Path) -> None:
    """In the pytest of a project that only installs us."""
    result = outcome_of(tmp_path, TESTS, timeout_s=30)

    assert "3 passed" in result.stdout, result.stdout + result.stderr


def test_the_package_can_be_imported_where_there_is_no_fcntl() -> None:
    """As on Windows, where the command that demonstrates an outage imports it too."""
    code = "import sys; sys.modules['fcntl'] = None; import resilient_claude.testing; print('ok')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )

    assert result.stdout == "ok\n", result.stderr


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    """Pytest loads it in every project where we are installed, also for tests without it."""
    code = (
        "import sys, resilient_claude.testing.pytest_plugin\n"
        "print([n for n in ('livekit', 'anthropic', 'trustme') if n in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )

    assert result.stdout == "[]\n"


FAILING = """
from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing.voice import Says


def test_a_call(simulated_claude, play_call):
    claude = ResilientClaudeLLM(api_key="k", base_url=simulated_claude.base_url)
    call = play_call(claude, [Says("Hello?", at_s=1.0)], linger_s=1)
    assert len(call.posts()) == 1
    assert call.text == "Something else."
"""


def test_a_call_that_fails_its_test_shows_its_timeline(tmp_path: Path) -> None:
    """Else one would have to play it again to see why."""
    result = outcome_of(tmp_path, FAILING, timeout_s=120)

    assert "1 failed" in result.stdout, result.stdout + result.stderr
    assert 'agent   "Hello."' in result.stdout
