"""What each platform's endpoint refuses, and what it makes of a request."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest

from resilient_claude.testing.rules.endpoints import (
    ENDPOINTS,
    PlatformName,
    as_plain,
    asks_for_message,
    validate_on,
)
from resilient_claude.testing.script.answers import HttpError
from tests.support.pictures import png

MODEL = "claude-sonnet-4-6"
PATHS: dict[PlatformName, str] = {
    "anthropic": "/v1/messages",
    "aws": "/v1/messages",
    "bedrock": f"/model/us.anthropic.{MODEL}-v1%3A0/invoke-with-response-stream",
    "bedrock_mantle": "/anthropic/v1/messages",
    "foundry": "/anthropic/v1/messages",
    "google_cloud": ("/v1/projects/desk/locations/global/workspaces/wrkspc_1/invoke/v1/messages"),
    "vertex": (
        f"/v1/projects/desk/locations/global/publishers/anthropic/models/{MODEL}:streamRawPredict"
    ),
}
HEADERS = {
    "authorization": "Bearer test",
    "anthropic-version": "2023-06-01",
    "anthropic-workspace-id": "wrkspc_1",
}
SAID = {"role": "user", "content": "Hello?"}
IMAGE = {"type": "url", "url": "https://shop.example/menu.png"}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
STRICT = {**TOOL, "strict": True, "input_schema": {"type": "object", "additionalProperties": False}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}
FORMAT = {"format": {"type": "json_schema", "schema": STRICT["input_schema"]}}


def error(
    platform: PlatformName, *, headers: dict[str, str] | None = None, **changes: Any
) -> HttpError | None:
    """What *platform* answers to a small request with *changes*, if that is an error."""
    endpoint = ENDPOINTS[platform]
    body: dict[str, Any] = {"max_tokens": 9, "messages": [SAID]}
    if endpoint.versions:
        body["anthropic_version"] = next(iter(endpoint.versions))
    if platform != "bedrock":
        body["stream"] = True
    if not endpoint.versions:
        body["model"] = MODEL
    body |= changes
    raw = json.dumps(body).encode()
    return validate_on(
        endpoint, PATHS[platform], HEADERS if headers is None else headers, raw, body
    )


def test_every_platform_has_a_path_here() -> None:
    """Else the tests below would look at fewer."""
    assert {*PATHS} == {*get_args(PlatformName)} == {*ENDPOINTS}


@pytest.mark.parametrize("platform", ENDPOINTS)
def test_each_takes_a_message_at_its_own_path_alone(platform: PlatformName) -> None:
    """A client that was pointed elsewhere gets a 404, as from the real one."""
    mine = {name for name in ENDPOINTS if asks_for_message(ENDPOINTS[name], PATHS[platform])}

    assert platform in mine
    assert all(PATHS[name] == PATHS[platform] for name in mine)
    assert error(platform) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"cache_control": {"type": "ephemeral"}}, {"bedrock"}),
        ({"inference_geo": "us"}, {"bedrock", "bedrock_mantle", "foundry", "vertex"}),
        ({"mcp_servers": []}, {*ENDPOINTS}),  # without its beta
        ({"speed": "fast"}, {*ENDPOINTS}),  # not of this model
        (
            {"messages": [{**SAID, "content": [{"type": "image", "source": IMAGE}]}]},
            {"bedrock", "bedrock_mantle", "vertex"},
        ),
        ({"tools": [TOOL]}, set()),
        ({"tools": [STRICT]}, {"bedrock_mantle"}),
        ({"tools": [SEARCH]}, {"bedrock", "bedrock_mantle"}),
        ({"tools": [FETCH]}, {"bedrock", "bedrock_mantle", "vertex"}),
        ({"output_config": FORMAT}, {"bedrock_mantle"}),
        ({"temperature": 0.2}, set()),
        ({"anthropic_version": "2023-06-01"}, {*ENDPOINTS}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_missing_on_a_platform_is_an_error_there(
    changes: dict[str, Any], where: set[PlatformName]
) -> None:
    """And nowhere else."""
    refused = {platform for platform in ENDPOINTS if error(platform, **changes)}

    assert refused == where


@pytest.mark.parametrize("platform", ["bedrock", "vertex"])
def test_sampling_is_refused_under_the_newest_version(platform: PlatformName) -> None:
    """Which is what SDK 2 asks for."""
    answered = error(platform, temperature=0.2, anthropic_version="2026-10-21")

    assert answered is not None
    assert "temperature" in answered.message


def test_an_image_above_5_mb_is_refused_by_bedrock() -> None:
    """Anthropic's own API takes 10."""
    data = base64.b64encode(png(content=bytes(5 * 1024 * 1024))).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    said = {"role": "user", "content": [{"type": "image", "source": source}]}

    answered = error("bedrock", messages=[said])
    assert answered is not None
    assert "5 MB" in answered.message
    assert error("anthropic", messages=[said]) is None


def test_strict_tools_of_a_later_model_are_refused_by_bedrock() -> None:
    """They are documented up to 4.6."""
    path = PATHS["bedrock"].replace("4-6", "4-8")
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "messages": [SAID],
        "tools": [STRICT],
    }

    answered = validate_on(ENDPOINTS["bedrock"], path, HEADERS, json.dumps(body).encode(), body)
    assert answered is not None
    assert "strict" in answered.message


def test_a_workspace_is_named_on_aws() -> None:
    """Every request there belongs to one."""
    headers = {name: value for name, value in HEADERS.items() if "workspace" not in name}

    assert error("aws", headers=headers) is not None


def test_a_signature_of_aws_is_a_credential() -> None:
    """There, and nowhere else; none at all is 401 anywhere."""
    signed = HEADERS | {"authorization": "AWS4-HMAC-SHA256 Credential=AKIATEST/x"}

    taking = {platform for platform in ENDPOINTS if error(platform, headers=signed) is None}
    assert taking == {"aws", "bedrock", "bedrock_mantle"}
    nobody = error("bedrock", headers={})
    assert nobody is not None
    assert nobody.status == 401


def test_betas_of_bedrock_stand_in_the_body() -> None:
    """A header of that name says nothing there."""
    beta = {"anthropic-beta": "mcp-client-2025-11-20"}
    body = {"max_tokens": 9, "messages": [SAID]}
    bedrock = ENDPOINTS["bedrock"]

    by_header, _ = as_plain(bedrock, PATHS["bedrock"], HEADERS | beta, body)
    by_body, plain = as_plain(
        bedrock, PATHS["bedrock"], HEADERS, body | {"anthropic_beta": ["a", "b"]}
    )

    assert "anthropic-beta" not in by_header
    assert by_body["anthropic-beta"] == "a,b"
    assert plain["model"] == f"us.anthropic.{MODEL}-v1:0"
    assert plain["stream"] is True


def test_what_is_no_object_is_refused_as_the_api_does() -> None:
    """A body that cannot be read has no model to take from the path."""
    answered = validate_on(ENDPOINTS["vertex"], PATHS["vertex"], HEADERS, b"[]", [])

    assert answered is not None
    assert answered.status == 400
