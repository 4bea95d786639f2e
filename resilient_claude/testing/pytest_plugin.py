"""Pytest fixtures; loaded by pytest wherever resilient-claude is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resilient_claude.testing.server import SimulatedClaude


@pytest.fixture
def simulated_claude() -> "Iterator[SimulatedClaude]":
    """A running `SimulatedClaude` without TLS."""
    from resilient_claude.testing.server import SimulatedClaude

    with SimulatedClaude() as claude:
        yield claude


@pytest.fixture
def simulated_claude_tls() -> "Iterator[SimulatedClaude]":
    """A running `SimulatedClaude` with TLS; pass its `ca_file` to the client."""
    from resilient_claude.testing.server import SimulatedClaude

    with SimulatedClaude(tls=True) as claude:
        yield claude
