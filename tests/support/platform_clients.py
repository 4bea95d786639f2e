"""The SDK's clients for the platforms that serve Claude, each pointed at a simulated endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anthropic

from resilient_claude.testing.rules.endpoints import PlatformName

from .adapters import KEY

RETRIES = 5
"""The SDK's own, which must not happen."""

_AWS: dict[str, Any] = {
    "aws_region": "eu-central-1",
    "aws_access_key": "AKIATEST",
    "aws_secret_key": "this-secret-is-for-tests-only",
    "max_retries": RETRIES,
}

CLIENTS: Mapping[PlatformName, Callable[[str], Any]] = {
    "anthropic": lambda url: anthropic.AsyncAnthropic(
        base_url=url, api_key=KEY, max_retries=RETRIES
    ),
    "aws": lambda url: anthropic.AsyncAnthropicAWS(base_url=url, workspace_id="wrkspc_1", **_AWS),
    "bedrock": lambda url: anthropic.AsyncAnthropicBedrock(base_url=url, **_AWS),
    "bedrock_mantle": lambda url: anthropic.AsyncAnthropicBedrockMantle(base_url=url, **_AWS),
    "foundry": lambda url: anthropic.AsyncAnthropicFoundry(
        base_url=url, api_key=KEY, max_retries=RETRIES
    ),
    "google_cloud": lambda url: anthropic.AsyncAnthropicGoogleCloud(
        base_url=url,
        project="desk",
        workspace_id="wrkspc_1",
        token_provider=lambda: "ya29.this-token-is-for-tests-only",
        max_retries=RETRIES,
    ),
    "vertex": lambda url: anthropic.AsyncAnthropicVertex(
        base_url=url,
        region="global",
        project_id="desk",
        access_token="ya29.this-token-is-for-tests-only",
        max_retries=RETRIES,
    ),
}
