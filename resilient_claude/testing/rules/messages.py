"""The rules for `messages`. Pure: no I/O."""

from typing import Any

from resilient_claude.testing.script.thoughts import is_sealed_here, seal

from .abilities import accepts_prefill, accepts_system_messages
from .content_blocks import check_block, check_text
from .shapes import InvalidRequestError, check_choice, check_keys, check_type, join, require

CheckedMessage = tuple[str, list[dict[str, Any]]]
"""The role and the content blocks of a message that has kept the rules."""
MAX_MESSAGES = 100_000


def check_messages(messages: list[Any], *, model: str, version: str) -> list[CheckedMessage]:
    """Check every message and their order.

    Returns:
        The role and the content blocks of each.
    """
    if not messages:
        raise InvalidRequestError("messages: at least one message is required")
    if len(messages) > MAX_MESSAGES:
        raise InvalidRequestError(f"messages: at most {MAX_MESSAGES} messages are allowed")
    last = len(messages) - 1
    turns = [
        _check_message(message, index, is_last=index == last, version=version)
        for index, message in enumerate(messages)
    ]
    # Assumed: consecutive turns are combined, but the first one is still the user's.
    if turns[0][0] != "user":
        raise InvalidRequestError('messages: first message must use the "user" role')
    _check_system_messages(turns, model)
    _check_tool_pairs(turns)
    _check_seals(turns)
    _check_last(turns[-1], model)
    return turns


def has_tool_blocks(turns: list[CheckedMessage]) -> bool:
    """Tell whether a tool was called in *turns*."""
    return any(
        block["type"] in ("tool_use", "tool_result") for _, blocks in turns for block in blocks
    )


def _check_message(message: object, index: int, *, is_last: bool, version: str) -> CheckedMessage:
    path = f"messages.{index}"
    check_type(message, dict, path)
    assert isinstance(message, dict)
    role = require(message, "role", path)
    check_choice(role, ("user", "assistant", "system"), join(path, "role"))
    content = require(message, "content", path)
    check_keys(message, path, ("role", "content"))
    if not isinstance(content, str | list):
        raise InvalidRequestError(f"{path}.content: Input should be a valid list")
    if not content:
        if is_last and role == "assistant":
            return role, []
        raise InvalidRequestError(
            f"{path}: all messages must have non-empty content except for the optional final "
            "assistant message"
        )
    if isinstance(content, str):
        check_text(content, "messages")
        return role, [{"type": "text", "text": content}]
    return role, [
        check_block(block, f"{path}.content.{at}", role=role, version=version)
        for at, block in enumerate(content)
    ]


def _check_system_messages(turns: list[CheckedMessage], model: str) -> None:
    for index, (role, _) in enumerate(turns):
        if role != "system":
            continue
        if not accepts_system_messages(model):
            raise InvalidRequestError(
                f"messages.{index}: role 'system' is not supported on this model"
            )
        # Assumed: "immediately after a user turn" (What's new in Claude Opus 4.8) is the only rule.
        if turns[index - 1][0] != "user":
            raise InvalidRequestError(
                f"messages.{index}: role 'system' must come immediately after a user turn"
            )


def _check_seals(turns: list[CheckedMessage]) -> None:
    """Refuse thinking of the simulated Claude that was changed, or stands somewhere else.

    Source of the wording: github.com/anthropics/claude-code/issues/10199. Assumed: it is that of
    any place, which the pages say is bound to the thinking.
    """
    for index, (_, blocks) in enumerate(turns):
        for at, block in enumerate(blocks):
            if block["type"] != "thinking" or not is_sealed_here(block["signature"]):
                continue
            if block["signature"] != seal(block["thinking"], blocks[:at]):
                raise InvalidRequestError(
                    f"messages.{index}.content.{at}: `thinking` or `redacted_thinking` blocks in "
                    "the latest assistant message cannot be modified. These blocks must remain as "
                    "they were in the original response."
                )


def _check_tool_pairs(turns: list[CheckedMessage]) -> None:
    combined = _combine(turns)
    _check_unique_ids(turns)
    for at, (index, role, blocks) in enumerate(combined):
        next_blocks = combined[at + 1][2] if at + 1 < len(combined) else []
        if role == "assistant":
            _check_calls_answered(index, blocks, next_blocks)
        else:
            before = combined[at - 1][2] if at else []
            _check_results_expected(index, blocks, before)


def _check_unique_ids(turns: list[CheckedMessage]) -> None:
    ids = [block["id"] for _, blocks in turns for block in blocks if block["type"] == "tool_use"]
    if len(ids) != len(set(ids)):
        raise InvalidRequestError("messages: `tool_use` ids must be unique")


def _check_calls_answered(
    index: int, blocks: list[dict[str, Any]], next_blocks: list[dict[str, Any]]
) -> None:
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    leading = []
    for block in next_blocks:
        if block["type"] != "tool_result":
            break
        leading.append(block["tool_use_id"])
    missing = [call for call in calls if call not in leading]
    if missing:
        raise InvalidRequestError(
            f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding "
            "`tool_result` block in the next message."
        )


def _check_results_expected(
    index: int, blocks: list[dict[str, Any]], before: list[dict[str, Any]]
) -> None:
    calls = [block["id"] for block in before if block["type"] == "tool_use"]
    answered: set[str] = set()
    for at, block in enumerate(blocks):
        if block["type"] != "tool_result":
            continue
        call = block["tool_use_id"]
        if call in answered:
            raise InvalidRequestError(
                f"messages.{index}.content.{at}: each tool_use must have a single result. Found "
                f"multiple `tool_result` blocks with id: {call}"
            )
        if call not in calls:
            raise InvalidRequestError(
                f"messages.{index}.content.{at}: unexpected `tool_use_id` found in `tool_result` "
                f"blocks: {call}. Each `tool_result` block must have a corresponding `tool_use` "
                "block in the previous message."
            )
        answered.add(call)


def _combine(turns: list[CheckedMessage]) -> list[tuple[int, str, list[dict[str, Any]]]]:
    """Combine consecutive turns of a role, as the API does; with the index of the last of each."""
    result: list[tuple[int, str, list[dict[str, Any]]]] = []
    for index, (role, blocks) in enumerate(turns):
        if result and result[-1][1] == role:
            result[-1] = (index, role, [*result[-1][2], *blocks])
        else:
            result.append((index, role, list(blocks)))
    return result


def _check_last(turn: CheckedMessage, model: str) -> None:
    role, blocks = turn
    if role != "assistant":
        return
    # Assumed: a turn that a server-side tool paused (`pause_turn`) may be sent back to go on.
    if blocks and blocks[-1]["type"] not in ("text", "thinking", "redacted_thinking"):
        return
    if not accepts_prefill(model):
        raise InvalidRequestError(
            "This model does not support assistant message prefill. The conversation must end with "
            "a user message."
        )
    if (
        blocks
        and blocks[-1]["type"] == "text"
        and blocks[-1]["text"] != blocks[-1]["text"].rstrip()
    ):
        raise InvalidRequestError(
            "messages: final assistant content cannot end with trailing whitespace"
        )
