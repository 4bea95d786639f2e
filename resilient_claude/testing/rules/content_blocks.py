"""The rules for one content block. Pure: no I/O.

Source of the shapes: the `*_block_param.py` types of the anthropic SDK 2.12.
"""

import re
from typing import Any

from .shapes import (
    InvalidRequestError,
    check_cache_control,
    check_choice,
    check_keys,
    check_type,
    join,
    require,
    require_type,
)
from .sources import check_document_source, check_image_source

# Required fields with their types, then optional ones, besides `type` and `cache_control`.
_BLOCKS: dict[str, tuple[dict[str, type], tuple[str, ...]]] = {
    "text": ({"text": str}, ("citations",)),
    "image": ({"source": dict}, ("transformations",)),
    "document": ({"source": dict}, ("citations", "context", "title")),
    "search_result": ({"content": list, "source": str, "title": str}, ("citations",)),
    "thinking": ({"thinking": str, "signature": str}, ()),
    "redacted_thinking": ({"data": str}, ()),
    "tool_use": ({"id": str, "name": str, "input": dict}, ("caller", "toolset_name")),
    "tool_result": ({"tool_use_id": str}, ("content", "is_error", "toolset_name")),
    "container_upload": ({"file_id": str}, ()),
}
_SERVER_BLOCKS = (
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "compaction",
)
_IN_TOOL_RESULTS = ("text", "image", "search_result", "document", "tool_reference", "browser_state")
_UNCACHEABLE = ("thinking", "redacted_thinking")
_USER_ONLY = ("tool_result", "image", "search_result", "container_upload")
_ASSISTANT_ONLY = ("tool_use", "thinking", "redacted_thinking")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MAX_NAME_LENGTH = 200
_ID = re.compile(r"[a-zA-Z0-9_-]+")
NEW_VERSION = "2026-10-21"


def check_block(block: object, path: str, *, role: str, version: str) -> dict[str, Any]:
    """Check a content block of a message of *role* under an `anthropic-version`."""
    check_type(block, dict, path)
    assert isinstance(block, dict)
    kind = require_type(block, "type", str, path)
    if kind in _SERVER_BLOCKS:
        return block  # Assumed: blocks of server-side tools are returned as they were received.
    if kind not in _BLOCKS:
        tags = ", ".join(repr(name) for name in (*_BLOCKS, *_SERVER_BLOCKS))
        raise InvalidRequestError(
            f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected "
            f"tags: {tags}"
        )
    _check_place(kind, path, role, version)
    _check_fields(block, kind, join(path, kind))
    if kind == "text":
        _check_text(block, path, role, version)
    elif kind == "image":
        check_image_source(block["source"], join(path, "image.source"))
    elif kind == "document":
        _check_document(block["source"], join(path, "document.source"), version)
    elif kind == "tool_use":
        _check_id(block["id"], join(path, "tool_use.id"))
        _check_name(block["name"], join(path, "tool_use.name"))
    elif kind == "tool_result":
        _check_tool_result(block, join(path, "tool_result"), version)
    return block


def check_text(text: str, path: str) -> None:
    """Refuse a text that is empty or white space."""
    if not text:
        raise InvalidRequestError(f"{path}: text content blocks must be non-empty")
    if not text.strip():
        raise InvalidRequestError(f"{path}: text content blocks must contain non-whitespace text")


def _check_place(kind: str, path: str, role: str, version: str) -> None:
    # Assumed: only the documents' restriction is new in 2026-10-21; the others always held.
    if role == "user" and kind in _ASSISTANT_ONLY:
        raise InvalidRequestError(f"{path}: `{kind}` blocks can only be in `assistant` messages")
    user_only = kind in _USER_ONLY or (kind == "document" and version == NEW_VERSION)
    if role == "assistant" and user_only:
        raise InvalidRequestError(f"{path}: `{kind}` blocks can only be in `user` messages")
    if role == "system" and kind != "text":
        raise InvalidRequestError(f"{path}: `system` messages can only hold `text` blocks")


def _check_fields(block: dict[str, Any], kind: str, path: str) -> None:
    required, optional = _BLOCKS[kind]
    cache = () if kind in _UNCACHEABLE else ("cache_control",)
    check_keys(block, path, ("type", *required, *optional, *cache))
    for key, expected in required.items():
        require_type(block, key, expected, path)
    check_cache_control(block.get("cache_control"), join(path, "cache_control"))


def _check_text(block: dict[str, Any], path: str, role: str, version: str) -> None:
    check_text(block["text"], path.split(".")[0])
    if role == "user" and version == NEW_VERSION and block.get("citations"):
        raise InvalidRequestError(f"{path}.text.citations: Extra inputs are not permitted")


def _check_document(source: dict[str, Any], path: str, version: str) -> None:
    if check_document_source(source, path) != "content":
        return
    for index, part in enumerate(source["content"]):
        here = join(path, f"content.content.{index}")
        check_type(part, dict, here)
        check_choice(require(part, "type", here), ("text", "image"), join(here, "type"))
        check_block(part, here, role="user", version=version)


def _check_id(value: str, path: str) -> None:
    if not _ID.fullmatch(value):
        raise InvalidRequestError(f"{path}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _check_name(value: str, path: str) -> None:
    """Check the name of a past call.

    Source of the length: answers of the API that anthropics/claude-code's issues 2673 and 23681
    quote. Assumed: of the rest, the rule for the names of tools holds for past calls too, wording
    included.
    """
    if not value:
        raise InvalidRequestError(f"{path}: String should have at least 1 character")
    if len(value) > _MAX_NAME_LENGTH:
        raise InvalidRequestError(
            f"{path}: String should have at most {_MAX_NAME_LENGTH} characters"
        )
    if not _NAME.fullmatch(value):
        raise InvalidRequestError(f"{path}: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")


def _check_tool_result(block: dict[str, Any], path: str, version: str) -> None:
    _check_id(block["tool_use_id"], join(path, "tool_use_id"))
    if "is_error" in block:
        check_type(block["is_error"], bool, join(path, "is_error"))
    content = block.get("content", "")
    if isinstance(content, str):
        return
    check_type(content, list, join(path, "content"))
    for index, part in enumerate(content):
        here = join(path, f"content.{index}")
        check_type(part, dict, here)
        check_choice(require(part, "type", here), _IN_TOOL_RESULTS, join(here, "type"))
        if part["type"] in _BLOCKS:
            check_block(part, here, role="user", version=version)
    # Source: an answer of the API that vellum-ai/vellum-assistant's pull request 18387 quotes.
    if block.get("is_error") and any(part["type"] != "text" for part in content):
        raise InvalidRequestError(f"{path}: all content must be type `text` if `is_error` is true")
