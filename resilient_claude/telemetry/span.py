"""What livekit's span of a request tells of the attempts in it."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import trace

from .record import Scalar


def add_event(event: str, fields: Mapping[str, Scalar]) -> None:
    """Add *event* to the span that is open."""
    # OpenTelemetry has no null.
    known = {name: value for name, value in fields.items() if value is not None}
    trace.get_current_span().add_event(event, known)
