"""Where Claude is asked: what one platform takes, one table, one row per platform. Pure.

Which model it is makes no difference here (`model_facts` has that), but for `strict_up_to`.

Sources, as of 2026-11-25: platform.claude.com/docs/en/build-with-claude/overview (availability),
and below the same path claude-in-amazon-bedrock, claude-on-amazon-bedrock-legacy,
claude-on-vertex-ai, claude-in-microsoft-foundry, claude-platform-on-aws ("Features not supported"),
vision ("Request limits"), prompt-caching ("Automatic caching"), fast-mode, data-residency; further
platform.claude.com/docs/en/about-claude/model-deprecations; of the anthropic SDK 2.14 lib/bedrock,
lib/vertex, lib/aws, lib/google_cloud and lib/foundry.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .model_facts import SAMPLING
from .models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What one platform takes beyond the model's own rules, and what it does not.

    Attributes:
        name: What its operator calls it, for messages.
        client: The SDK's asynchronous class for it.
        sampling_version: What the body's `anthropic_version` has to be where sampling arguments
            are in it; None where the version is a header.
        model_in_url: Whether the URL names the model, so that the SDK rewrites the body.
        progress_updates: Whether thinking can be shown as notes alone, a beta.
        fast_mode: Whether `speed="fast"` is known.
        mcp_servers: Whether it calls the tools of MCP servers by itself.
        web_tools: Whether it has tools for the web, and runs code.
        basic_search: Whether it can search the web all the same, but not from code.
        inference_geo: Whether a request may say where the model runs.
        answer_format: Whether `output_config` may have a format.
        strict_up_to: The last version of which tools can be strict; None if all can.
        anthropic_dates: Whether models retire on Anthropic's days; partners have their own.
        automatic_caching: Whether `cache_control` may stand beside the messages.
        media_urls: Whether images and documents may be URLs.
        image_chars: Longest base64 of one image, in characters.
        request_bytes: Longest body of a request, in bytes.
    """

    name: str
    client: str
    sampling_version: str | None = None
    model_in_url: bool = False
    progress_updates: bool = False
    fast_mode: bool = False
    mcp_servers: bool = True
    web_tools: bool = True
    basic_search: bool = False
    inference_geo: bool = True
    answer_format: bool = True
    strict_up_to: tuple[int, int] | None = None
    anthropic_dates: bool = True
    automatic_caching: bool = True
    media_urls: bool = True
    image_chars: int = 10 * 1024 * 1024
    request_bytes: int = 32_000_000

    def fit(self, body: dict[str, Any]) -> dict[str, str]:
        """Make *body* one that is taken here; what that has left out of it, and why."""
        if self.sampling_version and samples(body):
            body.setdefault("anthropic_version", self.sampling_version)
        if "cache_control" in body and not self.automatic_caching:
            del body["cache_control"]
            why = 'caches marked blocks alone: use caching="ephemeral"'
            return {"cache_control": f"not sent: {self.name} {why}"}
        return {}

    def display(self, progress: str) -> str | None:
        """How thinking is to be shown, so that there are notes to speak or to tell of.

        "updates" shows the notes alone, and is a beta of Anthropic's own API. Elsewhere they come
        among summaries of what Claude thinks, which are no speech.
        """
        if progress == "off":
            return None
        return "updates" if self.progress_updates else "summarized"

    def takes_strict_tools(self, model: Model) -> bool:
        """Whether tools of *model* can be strict."""
        latest = self.strict_up_to
        known = latest is None or (model.version is not None and model.version <= latest)
        return known and model.accepts_strict_tools


def samples(body: Mapping[str, Any]) -> bool:
    """Whether there are sampling arguments in *body*."""
    return any(name in body for name in SAMPLING)


ANTHROPIC = Platform(
    name="the Claude API", client="AsyncAnthropic", progress_updates=True, fast_mode=True
)
AWS = Platform(name="Claude Platform on AWS", client="AsyncAnthropicAWS")
GOOGLE_CLOUD = Platform(name="Claude on Google Cloud", client="AsyncAnthropicGoogleCloud")
FOUNDRY = Platform(name="Microsoft Foundry", client="AsyncAnthropicFoundry", inference_geo=False)
_OPERATED_BY_A_PARTNER = Platform(
    name="",
    client="",
    mcp_servers=False,
    web_tools=False,
    inference_geo=False,
    anthropic_dates=False,
    media_urls=False,
    image_chars=5 * 1024 * 1024,
)
BEDROCK = replace(
    _OPERATED_BY_A_PARTNER,
    name="Amazon Bedrock",
    client="AsyncAnthropicBedrock",
    sampling_version="bedrock-2023-05-31",
    model_in_url=True,
    # "Structured outputs", "Platforms": of later models, Bedrock has none.
    strict_up_to=(4, 6),
    automatic_caching=False,
    request_bytes=20_000_000,
)
BEDROCK_MESSAGES = replace(
    _OPERATED_BY_A_PARTNER,
    name="Claude in Amazon Bedrock",
    client="AsyncAnthropicBedrockMantle",
    answer_format=False,
    strict_up_to=(0, 0),
    request_bytes=20_000_000,
)
VERTEX = replace(
    _OPERATED_BY_A_PARTNER,
    name="Vertex AI",
    client="AsyncAnthropicVertex",
    sampling_version="vertex-2023-10-16",
    model_in_url=True,
    basic_search=True,
    request_bytes=30_000_000,
)
OTHER = Platform(name="this client", client="")
"""What an application has derived from the SDK's plain client: nothing is known of it."""

PLATFORMS = (ANTHROPIC, BEDROCK, BEDROCK_MESSAGES, VERTEX, GOOGLE_CLOUD, FOUNDRY, AWS)

_BY_CLIENT = {platform.client: platform for platform in PLATFORMS}
# What the SDK's plain client can be pointed at, besides gateways. Source: the pages above.
_BY_HOST = (
    (re.compile(r"bedrock-mantle\.[\w-]+\.api\.aws"), BEDROCK_MESSAGES),
    (re.compile(r"aws-external-anthropic\.[\w-]+\.api\.aws"), AWS),
    (re.compile(r"[\w-]+\.services\.ai\.azure\.com"), FOUNDRY),
    (re.compile(r"claude\.googleapis\.com"), GOOGLE_CLOUD),
)


def platform_of(client: str, host: str) -> Platform:
    """The platform that is asked.

    Args:
        client: The name of the SDK's class that asks.
        host: Whom it asks, which says more where *client* is the plain one.
    """
    platform = _BY_CLIENT.get(client, OTHER)
    if platform is ANTHROPIC:
        return next((other for name, other in _BY_HOST if name.fullmatch(host)), platform)
    return platform
