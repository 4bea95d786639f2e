"""What is sent to one platform and not to another; for the clients see tests/transport."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.platforms import (
    ANTHROPIC,
    AWS,
    BEDROCK,
    BEDROCK_MESSAGES,
    FOUNDRY,
    GOOGLE_CLOUD,
    OTHER,
    PLATFORMS,
    VERTEX,
    Platform,
    platform_of,
)
from resilient_claude.request.refusals import check_taken

MODEL = "claude-sonnet-4-6"
SHOP = {"type": "url", "name": "shop", "url": "https://shop.example/mcp"}
FORMAT = {"format": {"type": "json_schema", "schema": {"type": "string"}}}


def fields(platform: Platform, model: str = MODEL, **options: Any) -> FixedFields:
    return FixedFields.of(RequestOptions.of(model=model, **options), platform=platform)


def test_every_client_of_the_sdk_has_a_row() -> None:
    """A new one would be asked as if nothing were known of it."""
    classes = {name for name in dir(anthropic) if name.startswith("AsyncAnthropic")}

    assert classes == {platform.client for platform in PLATFORMS}


@pytest.mark.parametrize(
    ("host", "platform"),
    [
        ("api.anthropic.com", ANTHROPIC),
        ("gateway.example", ANTHROPIC),
        ("bedrock-mantle.us-east-1.api.aws", BEDROCK_MESSAGES),
        ("aws-external-anthropic.eu-west-1.api.aws", AWS),
        ("our-desk.services.ai.azure.com", FOUNDRY),
        ("claude.googleapis.com", GOOGLE_CLOUD),
        ("claude.googleapis.com.example", ANTHROPIC),
    ],
)
def test_the_plain_client_can_be_pointed_at_a_platform(host: str, platform: Platform) -> None:
    """With the platform's key and base URL; its limits are those of the platform all the same."""
    assert platform_of("AsyncAnthropic", host) is platform
    assert platform_of("AsyncAnthropicVertex", host) is VERTEX
    assert platform_of("TheirOwn", host) is OTHER


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.client)
def test_sampling_is_sent_under_a_version_that_has_it(platform: Platform) -> None:
    """SDK 2 asks for the version without it: in the body where that is where the version stands."""
    sent = fields(platform, temperature=0.2)
    plain = fields(platform)

    in_body = {BEDROCK: "bedrock-2023-05-31", VERTEX: "vertex-2023-10-16"}.get(platform)
    assert sent.body["temperature"] == 0.2
    assert sent.body.get("anthropic_version") == in_body
    assert sent.headers == ({} if in_body else {"anthropic-version": "2023-06-01"})
    assert "anthropic_version" not in plain.body
    assert plain.headers == {}


def test_a_version_of_the_application_s_own_stays() -> None:
    """It may know of a later one that has them."""
    sent = fields(BEDROCK, temperature=0.2, extra_body={"anthropic_version": "bedrock-2027-01-01"})

    assert sent.body["anthropic_version"] == "bedrock-2027-01-01"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"mcp_servers": [SHOP]}, {BEDROCK, BEDROCK_MESSAGES, VERTEX}),
        ({"inference_geo": "us"}, {BEDROCK, BEDROCK_MESSAGES, VERTEX, FOUNDRY}),
        ({"speed": "fast"}, {*PLATFORMS} - {ANTHROPIC}),
        ({"speed": "standard"}, set()),
        ({"output_config": FORMAT}, {BEDROCK_MESSAGES}),
        ({"output_config": {"effort": "low"}}, set()),
    ],
)
def test_what_a_platform_lacks_is_an_error_that_names_it(
    options: dict[str, Any], where: set[Platform]
) -> None:
    """At construction, not with a caller on the line."""
    model = "claude-opus-5-5"
    refusing = {}
    for platform in PLATFORMS:
        request_options = RequestOptions.of(model=model, **options)
        facts = FixedFields.of(request_options).model.facts
        try:
            check_taken(request_options, facts, model, platform)
        except ValueError as exc:
            refusing[platform] = str(exc)

    assert refusing.keys() == where
    assert all(f"must be left out for {platform.name}" in why for platform, why in refusing.items())


def test_what_nothing_is_known_of_is_not_refused() -> None:
    """An unknown model on a known platform is still on that platform."""
    options = RequestOptions.of(model="my-profile", mcp_servers=[SHOP])
    facts = FixedFields.of(options).model.facts

    check_taken(options, facts, "my-profile", OTHER)
    with pytest.raises(ValueError, match="Amazon Bedrock"):
        check_taken(options, facts, "my-profile", BEDROCK)


def test_a_mark_beside_the_messages_is_left_out_where_it_is_an_error() -> None:
    """Bedrock's older API answers it with 400; a mark at a block it takes."""
    mark = {"cache_control": {"type": "ephemeral"}}
    elsewhere, there = fields(VERTEX, extra_body=mark), fields(BEDROCK, extra_body=mark)

    assert elsewhere.body["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in there.body
    (adjustment,) = there.adjustments
    assert adjustment.argument == "cache_control"
    assert "Amazon Bedrock" in adjustment.reason


@pytest.mark.parametrize(
    ("model", "strict"),
    [
        ("claude-haiku-4-5", {BEDROCK}),
        ("us.anthropic.claude-sonnet-4-6-v1:0", {BEDROCK}),
        ("claude-opus-4-7", set()),
        ("claude-sonnet-5-5", set()),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", set()),
    ],
)
def test_tools_are_strict_where_bedrock_can_compile_them(model: str, strict: set[Platform]) -> None:
    """Elsewhere they are good tools all the same; a call must not fail for the guarantee."""
    asked = {*PLATFORMS, OTHER} - {BEDROCK, BEDROCK_MESSAGES}

    assert {each for each in (*PLATFORMS, OTHER) if fields(each, model).strict_tools} == (
        asked | strict
    )
