"""Models x features x the SDK's clients: each makes its own request of ours, and none is sent.

Not every model: one of each kind that the platforms tell apart, or that thinks in its own way.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import anthropic
import httpx2
import pytest

from resilient_claude.request.request import Request
from resilient_claude.testing.rules.endpoints import ENDPOINTS, PlatformName, validate_on
from resilient_claude.testing.script.answers import HttpError
from resilient_claude.transport.sdk import Recorder, platform_asked, post
from tests.support.platform_clients import CLIENTS

from .test_models_and_features import FEATURES, LATER, as_it_would_be_sent, ask

MODELS = {
    "claude-haiku-4-5": "strict tools on Bedrock, manual thinking",
    "claude-sonnet-4-6": "the default",
    "claude-opus-4-8": "no sampling, no strict tools on Bedrock",
    "claude-sonnet-5-5": "thinks between tools",
    "claude-opus-5-5": "thinks always, and shows notes",
    "my-deployment": "not named",
}
# Of a model that is not named nothing is refused, whatever stands behind it.
OF_THE_MODEL = {"thinking", "effort", "max_tokens"}


@cache
def client_of(platform: PlatformName) -> tuple[Any, Recorder]:
    """The SDK's client for *platform*, and what keeps its requests. To make one takes 30 ms."""
    recorder = Recorder()
    client = CLIENTS[platform](f"http://127.0.0.1:1{ENDPOINTS[platform].base_path}")
    return client.copy(http_client=httpx2.AsyncClient(transport=recorder)), recorder


async def refusal(platform: PlatformName, request: Request) -> HttpError | None:
    """What *platform* would answer to *request*, if that is an error."""
    client, recorder = client_of(platform)
    with pytest.raises(anthropic.APIConnectionError):
        await post(client, request)
    sent = recorder.request
    assert sent is not None
    headers = {name.lower(): value for name, value in sent.headers.items()}
    body = json.loads(sent.content)
    return validate_on(ENDPOINTS[platform], sent.url.path, headers, sent.content, body)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("platform", ENDPOINTS)
async def test_each_feature_is_accepted_or_refused_at_construction(
    platform: PlatformName, model: str
) -> None:
    """A turn that a cloud refuses is lost, though Anthropic's own API would have answered it."""
    asked = platform_asked(client_of(platform)[0])
    wrong = {}
    for feature, options in FEATURES.items():
        if model == "my-deployment" and any(options.get(name) for name in OF_THE_MODEL):
            continue
        try:
            request = ask(model, options, LATER, asked)
        except ValueError as exc:
            if await refusal(platform, as_it_would_be_sent(model, options, asked)) is None:
                wrong[feature] = f"refused without need: {exc}"
            continue
        if error := await refusal(platform, request):
            wrong[feature] = error.message

    assert wrong == {}


async def test_the_rules_of_a_platform_are_really_looked_at() -> None:
    """A check that finds nothing proves nothing."""
    request = ask("claude-opus-5-5", {}, LATER)

    found = {platform: await refusal(platform, request) for platform in ENDPOINTS}
    assert found.pop("anthropic") is None
    assert all(error is not None and error.status == 400 for error in found.values())
