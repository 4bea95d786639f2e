"""What the platforms that serve Claude have of their own: paths, headers, limits. Pure: no I/O.

Sources: the anthropic SDK 2.14, lib/bedrock, lib/vertex, lib/aws, lib/google_cloud, lib/foundry.py;
platform.claude.com, "Features overview", the page of each platform ("Features not supported"),
"Vision" and "Prompt caching"; docs.aws.amazon.com, "InvokeModelWithResponseStream". That it is an
error to ask for what is missing is documented for some of it, and Assumed for the rest, as are the
wordings.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

from resilient_claude.testing.script.answers import HttpError

from .abilities import parse
from .shapes import InvalidRequestError
from .validation import validate

PlatformName: TypeAlias = Literal[
    "anthropic", "aws", "bedrock", "bedrock_mantle", "foundry", "google_cloud", "vertex"
]
"""Whose endpoint is simulated, by the name of the SDK's client for it."""

_MESSAGES = re.compile(r"/v1/messages")
_MAX_IMAGE_BYTES = 5 * 1024 * 1024  # of base64
_UPDATES_BETA = "thinking-display-updates-2026-08-18"
_FETCHES = ("web_fetch", "code_execution")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One of them.

    Attributes:
        base_path: What the base URL of its client ends with.
        message_path: The path of a request for a message, behind that.
        versions: What the body's `anthropic_version` may be, and the header that means the same;
            empty where it is a header.
        signed: Whether AWS's signature is taken.
        headers: Those a request must have besides.
        ids: The headers that name a response.
        frames: Whether events come in AWS's binary frames.
        lists_models: Whether `GET /v1/models` is there.
        refused_fields: Fields of the body that are an error.
        media_urls: Whether images and documents may be URLs.
        server_tools: Whether there are any; "search" if only that.
        strict_up_to: The last version whose tools may be strict; None if any.
    """

    base_path: str = ""
    message_path: re.Pattern[str] = _MESSAGES
    versions: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False
    headers: tuple[str, ...] = ()
    ids: tuple[str, ...] = ("request-id",)
    frames: bool = False
    lists_models: bool = True
    refused_fields: tuple[str, ...] = ()
    media_urls: bool = True
    server_tools: bool | str = True
    strict_up_to: tuple[int, int] | None = None


_NEW = "2026-10-21"
_PARTNER = ("mcp_servers", "inference_geo", "container")
ENDPOINTS: Mapping[PlatformName, Endpoint] = {
    "anthropic": Endpoint(),
    "aws": Endpoint(
        signed=True,
        headers=("anthropic-workspace-id",),
        ids=("request-id", "x-amzn-requestid"),
    ),
    "bedrock": Endpoint(
        message_path=re.compile(
            r"/model/(?P<model>[^/]+)/invoke(?P<streams>-with-response-stream)?"
        ),
        versions={"bedrock-2023-05-31": "2023-06-01", _NEW: _NEW},
        signed=True,
        ids=("x-amzn-requestid",),
        frames=True,
        lists_models=False,
        refused_fields=(*_PARTNER, "cache_control", "model", "stream"),
        media_urls=False,
        server_tools=False,
        strict_up_to=(4, 6),
    ),
    "bedrock_mantle": Endpoint(
        base_path="/anthropic",
        signed=True,
        ids=("request-id", "x-amzn-requestid"),
        lists_models=False,
        refused_fields=_PARTNER,
        media_urls=False,
        server_tools=False,
        strict_up_to=(0, 0),
    ),
    "foundry": Endpoint(
        base_path="/anthropic",
        ids=("request-id", "apim-request-id"),
        lists_models=False,
        refused_fields=("inference_geo",),
    ),
    "google_cloud": Endpoint(
        base_path="/v1/projects/desk/locations/global/workspaces/wrkspc_1/invoke"
    ),
    "vertex": Endpoint(
        base_path="/v1",
        message_path=re.compile(
            r"/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
            r"(?P<model>[^/:]+):(?P<streams>streamR|r)awPredict"
        ),
        versions={"vertex-2023-10-16": "2023-06-01", _NEW: _NEW},
        lists_models=False,
        refused_fields=(*_PARTNER, "model"),
        media_urls=False,
        server_tools="search",
    ),
}


def asks_for_message(endpoint: Endpoint, path: str) -> bool:
    """Tell whether a POST to *path* is a request for a message."""
    below = path.removeprefix(endpoint.base_path)
    return (
        path.startswith(endpoint.base_path) and endpoint.message_path.fullmatch(below) is not None
    )


def as_plain(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], body: Any
) -> tuple[dict[str, str], Any]:
    """Return the headers and the body that Anthropic's own API would get for the same request."""
    plain = {**headers}
    if endpoint.signed and headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
        plain["authorization"] = "Bearer signed"
    found = endpoint.message_path.fullmatch(path.removeprefix(endpoint.base_path))
    if not isinstance(body, dict) or found is None or "model" not in found.groupdict():
        return plain, body
    body = {**body, "model": unquote(found["model"]), "stream": found["streams"] not in (None, "r")}
    version = body.pop("anthropic_version", "")
    plain["anthropic-version"] = endpoint.versions.get(version, str(version))
    betas = body.pop("anthropic_beta", None)
    if betas is not None:
        plain["anthropic-beta"] = ",".join(map(str, betas))
    elif endpoint.frames:
        plain.pop("anthropic-beta", None)  # Bedrock looks for betas in the body alone
    return plain, body


def validate_on(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], raw_body: bytes, body: Any
) -> HttpError | None:
    """Return the error for a request for a message, or None when there is none.

    Args:
        endpoint: Who is asked.
        path: Where.
        headers: By lower-case name.
        raw_body: The request's body.
        body: The same, parsed; None if it is no JSON.
    """
    plain_headers, plain = as_plain(endpoint, path, headers, body)
    try:
        if endpoint is not ENDPOINTS["anthropic"] and isinstance(body, dict):
            _check(endpoint, headers, body, plain_headers, plain)
    except InvalidRequestError as exc:
        return HttpError(400, message=str(exc))
    rewritten = plain is not body
    return validate(plain_headers, json.dumps(plain).encode() if rewritten else raw_body)


def _check(
    endpoint: Endpoint,
    headers: Mapping[str, str],
    body: dict[str, Any],
    plain_headers: Mapping[str, str],
    plain: dict[str, Any],
) -> None:
    for name in endpoint.headers:
        if not headers.get(name):
            raise InvalidRequestError(f"{name}: header is required")
    if endpoint.versions and body.get("anthropic_version") not in endpoint.versions:
        raise InvalidRequestError("anthropic_version: Invalid API version")
    for name in endpoint.refused_fields:
        if name in body:
            raise InvalidRequestError(f"{name}: Extra inputs are not permitted")
    if plain.get("speed") == "fast":
        raise InvalidRequestError("speed: fast mode is not supported on this platform")
    if _UPDATES_BETA in plain_headers.get("anthropic-beta", ""):
        raise InvalidRequestError("invalid beta flag")
    _check_tools(endpoint, plain)
    if not endpoint.media_urls:
        for source in _sources(plain.get("messages")):
            if source.get("type") == "url":
                raise InvalidRequestError("URL sources are not supported on this platform")
            if len(source.get("data") or "") > _MAX_IMAGE_BYTES:
                raise InvalidRequestError("image exceeds 5 MB maximum")


def _check_tools(endpoint: Endpoint, body: dict[str, Any]) -> None:
    latest = endpoint.strict_up_to
    may_be_strict = latest is None or parse(str(body.get("model"))).version <= latest
    if (body.get("output_config") or {}).get("format") is not None and latest == (0, 0):
        raise InvalidRequestError("output_config.format: Extra inputs are not permitted")
    for index, tool in enumerate(body.get("tools") or ()):
        if tool.get("strict") and not may_be_strict:
            raise InvalidRequestError(f"tools.{index}.strict: Extra inputs are not permitted")
        kind = str(tool.get("type"))
        is_served = endpoint.server_tools is True or not kind.startswith(_FETCHES)
        if kind.startswith("web_search") and not endpoint.server_tools:
            is_served = False
        if not is_served:
            raise InvalidRequestError(f"tools.{index}.type: '{kind}' is not supported")


def _sources(value: object) -> Iterator[dict[str, Any]]:
    """All sources of images and documents within *value*."""
    if isinstance(value, list):
        for item in value:
            yield from _sources(item)
    elif isinstance(value, dict):
        if value.get("type") in ("image", "document") and isinstance(value.get("source"), dict):
            yield value["source"]
        yield from _sources(value.get("content"))
