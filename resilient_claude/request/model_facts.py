"""What is known of each Claude model: one table, one row per model and version. Pure.

Longer than other modules, because every model has its row here. Everything that depends on the
model reads it; the API's own description of a model, where it gives one, overrules the row (see
`model_info`).

Sources, as of 2026-11-25: platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting
(thinking up to Opus 5), .../effort, .../prompt-caching (prices and cache minimum up to Opus 5),
.../fast-mode; for tools of Anthropic's own the pages of each below .../docs/en/agents-and-tools;
the pages "What's new", "Overview" and "Migration guide" of each 5.x model below
platform.claude.com/docs/en/models; the ids and retirement dates of the SDK 2.14 (types/model.py,
_data/deprecated_models.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, TypeAlias, get_args

Effort: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]
ThinkingType: TypeAlias = Literal["adaptive", "between_tools", "disabled", "enabled"]
ServerToolKind: TypeAlias = Literal[
    "web_search", "web_fetch", "code_execution", "tool_search", "mcp_toolset"
]

SAMPLING = ("temperature", "top_k", "top_p")
"""The arguments of which `ModelFacts.sampling` tells whether they may be sent."""

PRICES_AS_OF = date(2026, 11, 25)
"""When the prices below were looked up."""

WITHOUT_XHIGH: tuple[Effort, ...] = ("low", "medium", "high", "max")
EVERY_EFFORT: tuple[Effort, ...] = get_args(Effort)
UP_TO_HIGH: tuple[Effort, ...] = ("low", "medium", "high")
EVERY_SERVER_TOOL: tuple[ServerToolKind, ...] = get_args(ServerToolKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What one model takes, does and costs.

    Attributes:
        family: "opus", "sonnet", ...; empty in a row that stands for models of any.
        version: (major, minor); None where there is none in the id.
        status: how Anthropic calls its state.
        retires: the day from which on requests for it fail, if one is known.
        known: whether it is documented. What is not may take more than its row says, so what is
            asked for explicitly is sent to it.
        thinking: the types of thinking that it takes.
        thinks: whether it thinks only when asked to, unless told not to, or always.
        efforts: the levels of effort that it takes.
        default_effort: the level where a request names none.
        efforts_without_thinking: the levels that it takes with thinking turned off.
        notes_in_thinking: whether what it says between tool calls comes in blocks of thinking.
        prefill: whether a request may end with an assistant turn for it to continue. Where it may
            not, an interrupted answer is continued by a user turn that quotes it.
        sampling: whether temperature, top_p and top_k may be sent.
        forced_tools: whether a tool call may be forced.
        forced_tools_with_thinking: whether it may in a request that asks for thinking, too.
        strict_tools: whether a tool's `strict` is known.
        server_tools: the tools of Anthropic's own that it takes, by the beginning of their types.
        code_calls_tools: whether code that it runs may call tools, as searches are by default.
        fast: the beta that `speed="fast"` needs, empty if none; None where there is no fast mode.
        context_tokens: longest conversation; None where that is not known.
        max_output_tokens: the highest `max_tokens`; None likewise.
        cache_minimum_tokens: shortest prefix that is cached; None likewise.
        input_price: US dollars per million input tokens; None likewise.
        output_price: likewise, of output tokens.
        cache_read_price: likewise, of tokens read from the cache; None where that is a tenth.
        long_prompt_tokens: a longer prompt makes it and its answer dearer; None if none does.
        long_prompt_factor: how many times dearer.
        voice_thinking: the type of thinking that a voice asks for by default; None says nothing.
        voice_effort: likewise, the effort.
    """

    family: str = ""
    version: tuple[int, int] | None = None
    status: Literal["latest", "active", "legacy", "deprecated", "retired", "unknown"] = "unknown"
    retires: date | None = None
    known: bool = True
    thinking: tuple[ThinkingType, ...]
    thinks: Literal["if asked", "by default", "always"]
    efforts: tuple[Effort, ...] = ()
    default_effort: Effort | None = None
    efforts_without_thinking: tuple[Effort, ...] = EVERY_EFFORT
    notes_in_thinking: bool = False
    prefill: bool = False
    sampling: bool = False
    forced_tools: bool = False
    forced_tools_with_thinking: bool = False
    strict_tools: bool = True
    server_tools: tuple[ServerToolKind, ...] = EVERY_SERVER_TOOL
    code_calls_tools: bool = True
    fast: str | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    cache_minimum_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    cache_read_price: float | None = None
    long_prompt_tokens: int | None = None
    long_prompt_factor: float = 1.0
    voice_thinking: ThinkingType | None = None
    voice_effort: Effort | None = None

    @property
    def name(self) -> str:
        """The id without a date, such as "claude-opus-5-5"."""
        if self.version is None:
            return f"claude-{self.family}-preview" if self.family else ""
        major, minor = self.version
        return f"claude-{self.family}-{major}" + (f"-{minor}" if minor else "")


_FAST_BETA = "fast-mode-2026-02-01"

# Up to 4.5: manual thinking alone, an assistant turn may be continued.
_4_5 = ModelFacts(
    status="active",
    thinking=("disabled", "enabled"),
    thinks="if asked",
    prefill=True,
    sampling=True,
    forced_tools=True,
    context_tokens=200_000,
    max_output_tokens=64_000,
)
_4_6 = ModelFacts(
    status="legacy",
    thinking=("adaptive", "disabled", "enabled"),
    thinks="if asked",
    efforts=WITHOUT_XHIGH,
    default_effort="high",
    sampling=True,
    forced_tools=True,
    context_tokens=1_000_000,
    max_output_tokens=128_000,
)
_4_7 = replace(_4_6, thinking=("adaptive", "disabled"), efforts=EVERY_EFFORT, sampling=False)
# Source of `forced_tools_with_thinking`: github.com/langchain-ai/langchain-aws/pull/1141 and 1151,
# tried on Bedrock. Before 4.8 the API answers "Thinking may not be enabled when tool_choice forces
# tool use".
_4_8 = replace(_4_7, forced_tools_with_thinking=True)
_5 = replace(_4_8, thinks="by default", cache_minimum_tokens=512, voice_effort="low")
_ALWAYS_THINKS = replace(
    _5,
    status="active",
    thinking=("adaptive",),
    thinks="always",
    notes_in_thinking=True,
    voice_thinking="adaptive",
)
_5_1 = replace(_ALWAYS_THINKS, forced_tools=False, forced_tools_with_thinking=False)
_FABLE_5 = replace(_ALWAYS_THINKS, version=(5, 0), input_price=10.0, output_price=50.0)
_FABLE_5_1 = replace(
    _5_1, version=(5, 1), input_price=10.0, output_price=50.0, cache_read_price=0.25
)
_FABLE_5_2 = replace(
    _5_1,
    version=(5, 2),
    status="latest",
    fast="",
    cache_minimum_tokens=None,
    input_price=8.0,
    output_price=40.0,
    cache_read_price=0.2,
)

MODELS: tuple[ModelFacts, ...] = (
    replace(_FABLE_5_2, family="fable"),
    replace(_FABLE_5_2, family="mythos"),
    replace(
        _5,
        family="haiku",
        version=(5, 5),
        status="latest",
        default_effort="medium",
        efforts_without_thinking=UP_TO_HIGH,
        input_price=0.1,
        output_price=0.5,
        long_prompt_tokens=100_000,
        long_prompt_factor=5.0,
        voice_thinking="disabled",
    ),
    replace(
        _5_1,
        family="sonnet",
        version=(5, 5),
        status="latest",
        thinking=("adaptive", "between_tools"),
        thinks="by default",
        efforts_without_thinking=UP_TO_HIGH,
        input_price=2.0,
        output_price=10.0,
        voice_thinking="between_tools",
    ),
    replace(
        _5_1,
        family="opus",
        version=(5, 5),
        status="latest",
        default_effort="medium",
        fast="",
        input_price=4.0,
        output_price=20.0,
        cache_read_price=0.2,
    ),
    replace(_FABLE_5_1, family="fable"),
    replace(_FABLE_5_1, family="mythos"),
    replace(_FABLE_5, family="fable"),
    replace(_FABLE_5, family="mythos"),
    replace(
        _5,
        family="sonnet",
        version=(5, 0),
        cache_minimum_tokens=1024,
        input_price=2.0,
        output_price=10.0,
        voice_thinking="disabled",
    ),
    # "Can occasionally emit tool calls as plain text" with thinking disabled: left as it is.
    # Source: platform.claude.com/docs/en/build-with-claude/thinking.
    replace(
        _5,
        family="opus",
        version=(5, 0),
        efforts_without_thinking=UP_TO_HIGH,
        fast=_FAST_BETA,
        input_price=5.0,
        output_price=25.0,
    ),
    replace(
        _4_8,
        family="opus",
        version=(4, 8),
        fast=_FAST_BETA,
        cache_minimum_tokens=1024,
        input_price=5.0,
        output_price=25.0,
    ),
    replace(
        _4_7,
        family="opus",
        version=(4, 7),
        cache_minimum_tokens=2048,
        input_price=5.0,
        output_price=25.0,
    ),
    replace(
        _4_6,
        family="sonnet",
        version=(4, 6),
        cache_minimum_tokens=1024,
        input_price=3.0,
        output_price=15.0,
    ),
    replace(
        _4_6,
        family="opus",
        version=(4, 6),
        cache_minimum_tokens=4096,
        input_price=5.0,
        output_price=25.0,
    ),
    replace(
        _ALWAYS_THINKS,
        family="mythos",
        status="deprecated",
        retires=date(2026, 6, 30),
        thinking=("adaptive", "enabled"),
        efforts=WITHOUT_XHIGH,
        notes_in_thinking=False,
        forced_tools=False,
        forced_tools_with_thinking=False,
        context_tokens=None,
        max_output_tokens=None,
        cache_minimum_tokens=2048,
    ),
    replace(
        _4_5,
        family="haiku",
        version=(4, 5),
        code_calls_tools=False,
        cache_minimum_tokens=4096,
        input_price=1.0,
        output_price=5.0,
    ),
    replace(
        _4_5,
        family="opus",
        version=(4, 5),
        status="deprecated",
        retires=date(2027, 1, 22),
        efforts=UP_TO_HIGH,
        default_effort="high",
        cache_minimum_tokens=4096,
        input_price=5.0,
        output_price=25.0,
    ),
    replace(
        _4_5,
        family="sonnet",
        version=(4, 5),
        status="deprecated",
        retires=date(2026, 11, 30),
        cache_minimum_tokens=1024,
        input_price=3.0,
        output_price=15.0,
    ),
)
"""Every model that the API serves, the newest first."""

_BY_NAME = {(facts.family, facts.version): facts for facts in MODELS}

_OLDER = replace(
    _4_5,
    status="retired",
    strict_tools=False,
    server_tools=("web_search", "web_fetch", "code_execution", "mcp_toolset"),
    code_calls_tools=False,
    context_tokens=None,
    max_output_tokens=None,
)
"""Of versions before 4.5, of which the API serves none any more, but perhaps another platform."""

_LATER = replace(
    _5_1,
    status="unknown",
    known=False,
    context_tokens=None,
    max_output_tokens=None,
    cache_minimum_tokens=None,
)
"""Of a version that is newer than this table. What the newest rejects, it will not be sent."""

_UNVERSIONED = replace(
    _LATER,
    thinking=(),
    thinks="by default",
    efforts=(),
    default_effort=None,
    notes_in_thinking=False,
    voice_thinking=None,
    voice_effort=None,
)
"""Of an id without a version: neither what the newest rejects nor what older ones do."""


def facts_of(family: str, version: tuple[int, int] | None) -> ModelFacts:
    """The row of a model, or the one that stands for those that have none."""
    row = _BY_NAME.get((family, version))
    if row is not None:
        return row
    if version is None:
        return replace(_UNVERSIONED, family=family)
    if version < (4, 5):
        stand_in = _OLDER
    elif version <= (4, 8):
        stand_in = replace(_BY_NAME["opus", version], status="unknown", known=False, retires=None)
    else:
        stand_in = _LATER
    return replace(stand_in, family=family, version=version)
