"""What the API says of a request that it rejects, and what helps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.api_errors import ApiError, read_error
from resilient_claude.request.repairs import rejections
from resilient_claude.request.repairs.rejections import REPAIRS, cause_of, repair_for
from resilient_claude.request.repairs.repair import Repair
from tests.support.builders import SAMPLING, build

SAID: dict[str, list[str]] = {
    "PREFILL": [
        "This model does not support assistant message prefill. The conversation must end with a "
        "user message.",
    ],
    "FORCED_TOOL": [
        'tool_choice: type "tool" and "any" are not supported for this model.',
        "Thinking may not be enabled when tool_choice forces tool use.",
    ],
    "SAMPLING": [
        "`temperature` is deprecated for this model.",
        "'temperature' is deprecated for this model.",
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        "temperature and top_p cannot both be specified for this model. Please use only one.",
        "`temperature` may only be set to 1 when thinking is enabled. Please consult our docs",
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
        "`top_k` must be unset when thinking is enabled.",
        "temperature: Extra inputs are not permitted",
        "The model returned the following errors: top_p: Extra inputs are not permitted",
    ],
    "EFFORT": [
        "This model does not support the effort parameter.",
        "output_config.effort 'xhigh' is not supported when thinking is disabled on this model. "
        "Use effort 'high' or below, or enable thinking.",
        'output_config.effort "xhigh" is not supported by model claude-opus-4.7; supported values: '
        "[medium]",
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
        "output_config.effort: Extra inputs are not permitted",
        "output_config: Extra inputs are not permitted",
    ],
    "THINKING": [
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.',
        '"thinking.type.disabled" is not supported for this model. Thinking defaults to adaptive '
        'mode when not specified; use "thinking.type.enabled" with "budget_tokens" for extended '
        "thinking.",
        "adaptive thinking is not supported on this model",
        "thinking: Extra inputs are not permitted",
        "thinking: Input tag 'between_tools' found using 'type' does not match any of the expected "
        "tags: 'enabled', 'disabled'",
        "thinking.adaptive.display: Input should be 'summarized' or 'omitted'",
        "thinking.adaptive.block_binding: Extra inputs are not permitted",
    ],
    "STRICT_TOOLS": [
        "The compiled grammar is too large, which would cause performance issues. Simplify your"
        " tool schemas or reduce the number of strict tools.",
        "tools.0: Schema is too complex for compilation.",
        "tools.0.custom.strict: Extra inputs are not permitted",
    ],
    "BETAS": [
        "Unexpected value(s) `a-2026-01-05`, `b-2025-12-15` for the `anthropic-beta` header. Please"
        " consult our documentation at docs.anthropic.com or try again without the header.",
        "invalid beta flag",
        "The model returned the following errors: invalid beta flag",
    ],
    "THINKING_BLOCKS": [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.3.content.0: Invalid signature in thinking block",
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
        "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a "
        "different conversation. Remove the block, or set "
        '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block". That setting requires '
        "the `thinking-binding-controls-2026-08-01` value in the `anthropic-beta` header.",
        "messages.9.content.15: `thinking` or `redacted_thinking` blocks in the latest assistant "
        "message cannot be modified. These blocks must remain as they were in the original "
        "response.",
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
        "`tool_use`. When `thinking` is enabled, a final `assistant` message must start with a "
        "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).",
    ],
    "IMAGES": [
        "messages.7.content.2.image.source.base64.data: At least one of the image dimensions exceed"
        " max allowed size: 8000 pixels",
        "messages.109.content.2.image.source.base64.data: At least one of the image dimensions "
        "exceed max allowed size for many-image requests: 2000 pixels",
        "messages.2.content.0.image.source.base64: image exceeds 5 MB maximum: 8259148 bytes > "
        "5242880 bytes",
        "Could not process image",
    ],
    "TOOL_PAIRS": [
        "messages.66: `tool_use` ids were found without `tool_result` blocks immediately after: "
        "toolu_01. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message.",
        "messages.166: tool_use ids were found without tool_result blocks immediately after: f_3.",
        "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_01.",
        "messages.2.content.1: each tool_use must have a single result. Found multiple "
        "`tool_result` blocks with id: toolu_01",
    ],
    "CONTAINER": [
        "Container not found: container_01",
        "container_01 is an expired container",
        "The container container_01 has expired and cannot be used any more",
        "container: Input should be a valid string",
    ],
    "SERVER_BLOCKS": [
        "messages.17: `web_search` tool use with id `srvtoolu_01` was found without a corresponding"
        " `web_search_tool_result` block",
        "messages.3.content.0: unexpected `tool_use_id` found in `web_fetch_tool_result` blocks: "
        "srvtoolu_01. Each `web_fetch_tool_result` block must have a corresponding "
        "`server_tool_use` block before it.",
        "container_id is required when there are pending tool uses generated by code execution with"
        " tools.",
        "messages.1.content.0: Invalid `encrypted_content` in `search_result` block",
        "Tool reference 'weather' not found in available tools",
    ],
}
"""What each row stands for, in words that the API, or what is in front of it, was quoted with."""


def test_every_row_has_its_words() -> None:
    """A row that nothing is known to be said for would mend what nobody has seen."""
    assert {getattr(rejections, name) for name in SAID} == {*REPAIRS}


@pytest.mark.parametrize(
    ("name", "message"), [(name, said) for name, words in SAID.items() for said in words]
)
def test_what_is_said_stands_for_one_row(name: str, message: str) -> None:
    """Two rows would mend by the order in which they happen to stand."""
    found = [repair for repair in REPAIRS if repair.words.search(message)]

    assert found == [getattr(rejections, name)]
    assert repair_for(ApiError("invalid_request_error", message)) is found[0]


@pytest.mark.parametrize(
    ("code", "repair"),
    [
        ("image_dimensions_too_large", rejections.IMAGES),
        ("invalid_reasoning_effort", rejections.EFFORT),
        ("container_expired", rejections.CONTAINER),
    ],
)
def test_a_code_outranks_the_words(code: str, repair: Repair) -> None:
    """Words are changed without notice; codes are an interface."""
    error = {"message": "`temperature` is deprecated for this model.", "details": {}}
    body = {"type": "error", "error": {**error, "details": {"error_code": code}}}

    assert repair_for(read_error(body)) is repair


@pytest.mark.parametrize(
    "message",
    [
        "",
        "max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "messages: at least one message is required",
        "tools.0.custom.input_schema: JSON schema is invalid.",
        "tools.11.custom.defer_loading: Extra inputs are not permitted",
        "messages.1.content.0.thinking.signature: Input should be a valid string",
        "temperature: Input should be less than or equal to 1",
        "model: claude-nothing",
        "This organization has been disabled.",
    ],
)
def test_what_else_is_said_stands_for_none(message: str) -> None:
    """What nobody knows how to mend is told, not tried."""
    assert repair_for(ApiError("invalid_request_error", message)) is None


@pytest.mark.parametrize(
    "error",
    [
        ApiError("invalid_request_error", "Your credit balance is too low. invalid beta flag"),
        ApiError("billing_error", "invalid beta flag"),
        ApiError("invalid_request_error", "invalid beta flag", "enforced_spend_limit_reached"),
    ],
)
def test_money_is_never_mended(error: ApiError) -> None:
    """No request is taken before somebody has paid."""
    assert repair_for(error) is None


def test_there_is_no_cause_in_a_request_without_the_part() -> None:
    """The same would be sent again, and rejected again."""
    error = ApiError("invalid_request_error", "`temperature` is deprecated for this model.")

    assert cause_of(build(), error) is None
    assert cause_of(build(model=SAMPLING, temperature=0.5), error) is not None


def test_only_the_beginning_of_what_is_said_is_read() -> None:
    """It comes from the network, and the event loop belongs to the audio."""
    assert repair_for(ApiError(None, " " * 10_000 + "invalid beta flag")) is None


NAMES = (
    *("type", "role", "content", "text", "id", "tool_use_id", "source", "data", "effort", "name"),
    *(
        "signature",
        "display",
        "block_binding",
        "prefix_mismatch_behavior",
        "strict",
        "cache_control",
    ),
)
TYPES = (
    *("text", "image", "thinking", "redacted_thinking", "tool_use", "tool_result", "enabled"),
    *("adaptive", "any", "assistant", "user", "error", "updates", "mcp_toolset"),
    *("server_tool_use", "web_search_tool_result"),
)
LEAVES = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(TYPES) | st.text(max_size=3)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=30,
)
BLOCKS = st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5), max_size=3)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": BLOCKS}),
    max_size=5,
)
FIELDS = (
    *("thinking", "output_config", "tools", "tool_choice", "temperature", "top_p", "speed"),
    "container",
)
BODIES = st.fixed_dictionaries({"messages": MESSAGES | JSON}, optional=dict.fromkeys(FIELDS, JSON))


@given(BODIES, st.sampled_from(REPAIRS), st.sampled_from([m for w in SAID.values() for m in w]))
def test_a_request_of_any_shape_is_mended_or_left_alone(
    body: dict[str, Any], repair: Repair, message: str
) -> None:
    """Its fields may be the application's own, and what is wrong with them is the API's to say."""
    request = replace(build(betas=["a-1"]), body={"model": SAMPLING, **body})
    before = json.dumps(request.body)
    about = repair.about(request, ApiError("invalid_request_error", message))
    if about is None:
        return

    made = repair.mend(request, about)

    assert hash(about) == hash(about)
    assert json.dumps(request.body) == before
    assert made is not None
    assert made[0] != request
    made[0].content()
