"""What the API says of one model: `GET /v1/models/{model}`."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import anthropic

from resilient_claude.failures.evidence import Evidence

from .current_evidence import current_evidence
from .first_request import connect

if TYPE_CHECKING:
    from .sdk import AnyClient

LONGEST_ANSWER_BYTES = 1024 * 1024
"""Of what is longer nothing is read: it describes no model."""

_NO_SUCH_ENDPOINT = (404, 405, 501)


class UnknownModelError(Exception):
    """The API has no model of that id.

    Attributes:
        error: what the SDK raised.
    """

    def __init__(self, error: anthropic.APIStatusError) -> None:
        super().__init__("unknown model")
        self.error = error


async def describe_model(client: AnyClient, model_id: str, evidence: Evidence) -> object | None:
    """What the API says of the model, as it came: it may be anything.

    Args:
        client: the SDK's.
        model_id: the model.
        evidence: told how far it has come.

    Returns:
        None where there is no such endpoint: some platforms' clients cannot ask, and get their
        connection all the same, and some gateways do not answer.

    Raises:
        UnknownModelError: there is no such model.
        anthropic.APIStatusError: the response has another error status.
        anthropic.APIConnectionError: there is no response.
        httpx2.TransportError: there is none to a client that cannot ask.
    """
    models = getattr(client, "models", None)
    if models is None:
        await connect(client, evidence)
        return None
    token = current_evidence.set(evidence)
    try:
        response = await models.with_raw_response.retrieve(model_id)
    except anthropic.APIStatusError as exc:
        if _names_model(exc, model_id):
            raise UnknownModelError(exc) from exc
        if exc.status_code in _NO_SUCH_ENDPOINT:
            return None
        raise
    finally:
        current_evidence.reset(token)
    content = response.http_response.content
    if len(content) <= LONGEST_ANSWER_BYTES:
        with suppress(ValueError, RecursionError):
            return json.loads(content)  # type: ignore[no-any-return]
    return None


def _names_model(exc: anthropic.APIStatusError, model_id: str) -> bool:
    """Whether a 404 is the API's, about the model, and not a gateway's, about the path.

    The API says `{"error": {"type": "not_found_error", "message": "model: claude-x"}}`.
    """
    body = exc.body if isinstance(exc.body, dict) else {}
    error = body.get("error")
    if exc.status_code != 404 or not isinstance(error, dict):
        return False
    message = error.get("message")
    return (
        error.get("type") == "not_found_error" and isinstance(message, str) and model_id in message
    )
