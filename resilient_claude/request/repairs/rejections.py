"""Why a request was rejected, as the API says it, and what helps: one table. Pure.

Theory of operation. A rejected request is told from what the API says of it: its `error_code`
first, where there is one, then its words. The row that fits says which part of the request it is
about (`Repair.about`) and how the request is without it (`Repair.mend`). No row may fit, or the
request may have no such part: then it is as good as it is, and the rejection is final. So is
anything about money, whatever else it says.

Nothing is judged here twice: what a row has mended it does not find again, and a second rejection
for the same reason finds no such part any more. How often, how many and for how long is a matter of
the turn (`turn.requests`).

What this cannot see: whether the API means what the words of a row say. The words are those that
its documentation and its users quote; each has its source in the row.
"""

from __future__ import annotations

import re

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.request import Request
from resilient_claude.request.tools.strict import TOO_COMPLEX

from . import field_repairs as fields
from . import image_repairs as images
from . import message_repairs as messages
from . import server_repairs as servers
from .repair import Cause, Repair


def _said(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


PREFILL = Repair(
    # Source: github.com/anomalyco/opencode/issues/13768, and many others.
    words=_said("does not support assistant message prefill", "must end with a user message"),
    about=messages.about_prefill,
    mend=messages.mend_prefill,
)
FORCED_TOOL = Repair(
    # Sources: github.com/anthropics/claude-cookbooks/issues/854 (Fable 5.1),
    # github.com/langchain-ai/langchain-aws/pull/1141 (with thinking).
    words=_said(
        r"tool_choice: type \W{0,4}tool\W{1,4}and \W{0,4}any\W{1,4}are not",
        "tool_choice forces tool use",
    ),
    about=fields.about_forced_tool,
    mend=fields.mend_forced_tool,
)
SAMPLING = Repair(
    # Sources: github.com/oumi-ai/oumi/pull/2538 (from 4.7 on), github.com/gptme/gptme/issues/1110
    # (two of them), github.com/quarkiverse/quarkus-langchain4j/issues/1812 and
    # github.com/MartialBE/one-hub/issues/529 (with thinking); the last one is what API version
    # 2026-10-21 says, and Bedrock and Vertex under it.
    words=_said(
        r"\b(?:temperature|top_p|top_k)\W{1,3}(?:is deprecated|may only be|must be|is not supported"
        r"|and \W?(?:temperature|top_p|top_k)\W? cannot both)",
        r"(?<![\w.])(?:temperature|top_p|top_k): Extra inputs",
    ),
    about=fields.about_sampling,
    mend=fields.mend_sampling,
)
EFFORT = Repair(
    # Sources: github.com/anthropics/claude-code/issues/30010 (no effort at all), 81084 (thinking is
    # disabled), 51377 (Bedrock) and 37746 (Vertex); github.com/decolua/9router/pull/3827 (a level);
    # github.com/microsoft/vscode/issues/312711 (the code, and its words).
    words=_said(
        "does not support the effort parameter",
        r"output_config\.effort:? \W{0,2}\w+\W{0,2} is not supported",
        r"(?<![\w.])output_config(?:\.effort)?: (?:Extra|Input)",
    ),
    codes=frozenset({"invalid_reasoning_effort"}),
    about=fields.about_effort,
    mend=fields.mend_effort,
)
THINKING = Repair(
    # Sources: platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting;
    # github.com/Kilo-Org/kilocode/issues/10729 ("enabled"),
    # github.com/ex-machina-co/opencode-anthropic-auth/issues/159 ("disabled"),
    # github.com/vellum-ai/vellum-assistant/pull/37276 ("adaptive").
    words=_said(
        r"thinking\.type\.\w+\W{0,2} is not supported",
        "adaptive thinking is not supported",
        r"(?<![\w.])thinking(?:\.\w+){0,2}: (?:Extra|Input)",
    ),
    about=fields.about_thinking,
    mend=fields.mend_thinking,
)
STRICT_TOOLS = Repair(
    words=TOO_COMPLEX,  # which has its sources
    about=fields.about_strict_tools,
    mend=fields.mend_strict_tools,
)
BETAS = Repair(
    # Sources: github.com/anthropics/claude-code/issues/21767 (Vertex) and 49648 (Bedrock).
    words=_said(r"Unexpected value\(s\).{0,400}for the \W?anthropic-beta", "invalid beta flag"),
    about=fields.about_betas,
    mend=fields.mend_betas,
)
THINKING_BLOCKS = Repair(
    # Sources: platform.claude.com/docs/build-with-claude/preserved-thinking/
    # fix-bound-to-a-different-conversation; github.com/anthropics/anthropic-sdk-python/issues/1598
    # (signature); github.com/anthropics/claude-code/issues/63250 (cannot be modified) and 11978
    # (expected).
    words=_said(
        r"Invalid \W?(?:signature|data)\W? in \W?(?:redacted_)?thinking",
        r"\bblock is bound to a different",
        r"thinking\W? blocks in the latest assistant message cannot be modified",
        r"Expected \W?thinking\W? or \W?redacted_thinking\W?, but found",
    ),
    about=messages.about_thinking_blocks,
    mend=messages.mend_thinking_blocks,
)
IMAGES = Repair(
    # Sources: anthropic/types/image_dimensions_too_large_error.py of the SDK 2.14;
    # github.com/anthropics/claude-code/issues/4778 (8,000 pixels), 9375 (many images) and 19631
    # (bytes).
    words=_said(
        r"messages\.\d+\.content\.\d+(?:\.tool_result\.content\.\d+)?\.image\.source\b",
        "image exceeds [0-9.]+ MB maximum",
        "image dimensions exceed max allowed size",
        "Could not process image",
    ),
    codes=frozenset({"image_dimensions_too_large"}),
    about=images.about_images,
    mend=images.mend_images,
)
TOOL_PAIRS = Repair(
    # Sources: github.com/anthropics/claude-code/issues/7691; github.com/letta-ai/letta/issues/3308.
    words=_said(
        r"tool_use\W? ids were found without \W?tool_result",
        r"unexpected \W?tool_use_id\W? found in \W?tool_result",
        r"each tool_use must have a single result",
    ),
    about=messages.about_tool_pairs,
    mend=messages.mend_tool_pairs,
)
CONTAINER = Repair(
    # Sources: platform.claude.com/docs/en/agents-and-tools/tool-use/code-execution-tool, "Errors"
    # ("requests that reference it return an error ... Send the request again without the
    # `container` parameter"); github.com/pydantic/pydantic-ai/issues/7833 and 5167.
    words=_said(
        r"\bcontainer\b[^.]{0,100}\b(?:not found|expired|does not exist|no longer)",
        r"\b(?:expired|unknown|no such) container\b",
        r"(?<![\w.])container(?:\.id)?: ",
    ),
    codes=frozenset({"container_expired"}),
    about=servers.about_container,
    mend=servers.mend_container,
)
SERVER_BLOCKS = Repair(
    # Sources: platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools, "Mixing server
    # tools and client tools in one turn" (without a corresponding);
    # github.com/anthropics/claude-code/issues/95406 (unexpected);
    # github.com/anthropics/anthropic-sdk-typescript/issues/964 (`container_id is required`);
    # github.com/BerriAI/litellm/pull/31672 (results that are not the API's own);
    # platform.claude.com/docs/en/agents-and-tools/tool-use/tool-search-tool (tool reference).
    words=_said(
        r"tool use with id \W?\w{1,100}\W? was found without a corresponding",
        r"unexpected \W?tool_use_id\W? found in \W?\w+_tool_result",
        "container_id is required",
        r"Invalid \W?encrypted_(?:content|index)\W? in",
        r"Tool reference \W?[\w.-]{1,128}\W? not found",
    ),
    about=servers.about_server_blocks,
    mend=servers.mend_server_blocks,
)

REPAIRS = (
    PREFILL,
    FORCED_TOOL,
    SAMPLING,
    EFFORT,
    THINKING,
    STRICT_TOOLS,
    BETAS,
    THINKING_BLOCKS,
    IMAGES,
    TOOL_PAIRS,
    CONTAINER,
    SERVER_BLOCKS,
)
"""Every reason for which a request is mended and sent again."""

_READ_CHARS = 1_000


def repair_for(error: ApiError) -> Repair | None:
    """The row that *error*, what the API said of a rejected request, stands for; None if none."""
    if error.is_about_money:
        return None
    by_code = (repair for repair in REPAIRS if error.code in repair.codes)
    words = error.message[:_READ_CHARS]
    by_words = (repair for repair in REPAIRS if repair.words.search(words))
    return next(by_code, None) or next(by_words, None)


def cause_of(request: Request, error: ApiError, repair: Repair | None = None) -> Cause | None:
    """Why *request* was rejected with *error*, if it is known, and may be mended.

    Args:
        request: What was sent.
        error: What the API said to it; without words, all that a *repair* may mend is rejected.
        repair: The kind of reason, where the *error* does not tell.
    """
    repair = repair or repair_for(error)
    about = None if repair is None else repair.about(request, error)
    return None if repair is None or about is None else Cause(repair, about)
