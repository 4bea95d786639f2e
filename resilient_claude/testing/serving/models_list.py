"""The answers of `GET /v1/models`."""

from typing import Any

_NAMES = ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "claude-sonnet-5")


def model(name: str) -> dict[str, Any]:
    """Describe the model called *name*."""
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
    }


def model_list() -> dict[str, Any]:
    """List a few models, as one page."""
    return {
        "data": [model(name) for name in _NAMES],
        "has_more": False,
        "first_id": _NAMES[0],
        "last_id": _NAMES[-1],
    }
