"""The rules for what tools have done at Anthropic's, in `messages`. Pure: no I/O.

Source: platform.claude.com, "Server tools", "Mixing server tools and client tools in one turn", and
"Web search tool", "Search results".
"""

from typing import Any

from .messages import CheckedMessage
from .shapes import InvalidRequestError

_USES = ("server_tool_use", "mcp_tool_use")
_RESULT = "_tool_result"


def check_server_blocks(tools: list[dict[str, Any]], turns: list[CheckedMessage]) -> None:
    """Check that each call has its result behind it, unless the API is still to run it."""
    waiting: dict[str, tuple[int, str]] = {}
    for index, (role, blocks) in enumerate(turns):
        if role != "assistant":
            continue
        for at, block in enumerate(blocks):
            path = f"messages.{index}.content.{at}"
            if block["type"] in _USES:
                waiting[block.get("id", "")] = index, str(block.get("name"))
            elif block["type"].endswith(_RESULT):
                # Source: github.com/anthropics/claude-code/issues/95406
                if waiting.pop(str(block.get("tool_use_id")), None) is None:
                    raise InvalidRequestError(
                        f"{path}: unexpected `tool_use_id` found in `{block['type']}` blocks: "
                        f"{block.get('tool_use_id')}. Each `{block['type']}` block must have a "
                        "corresponding `server_tool_use` block before it."
                    )
                _check_result(block, path, [str(tool.get("name")) for tool in tools])
    for call_id, (index, name) in waiting.items():
        if not _may_be_run(turns, index):
            raise InvalidRequestError(
                f"`{name}` tool use with id `{call_id}` was found without a corresponding "
                f"`{name}_tool_result` block"
            )


def _may_be_run(turns: list[CheckedMessage], index: int) -> bool:
    """Whether nothing follows the turn at *index* but the results of other tools."""
    behind = turns[index + 1 :]
    return not behind or (
        len(behind) == 1 and all(block["type"] == "tool_result" for block in behind[0][1])
    )


def _check_result(block: dict[str, Any], path: str, names: list[str]) -> None:
    content = block.get("content")
    for part in content if isinstance(content, list) else [content]:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "web_search_result" and not part.get("encrypted_content"):
            # Assumed wording.
            raise InvalidRequestError(f"{path}: `encrypted_content` is missing or was modified")
        for reference in part.get("tool_references") or ():
            if reference.get("tool_name") not in names:
                raise InvalidRequestError(
                    f"Tool reference '{reference.get('tool_name')}' not found in available tools"
                )
