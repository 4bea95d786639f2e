"""Imported by LiveKit's fork server, once: what every job needs is there when it begins.

Importing the package takes a second, and loading the certificates a tenth of one, for which the
event loop of a job would stand still. Nothing here starts a thread: a fork would lose it.
"""

from __future__ import annotations

from contextlib import suppress

import resilient_claude.llm  # noqa: F401
from resilient_claude.transport import certificates

with suppress(OSError, ValueError):  # the adapter's constructor, or its first turn, will say so
    certificates.preload()
