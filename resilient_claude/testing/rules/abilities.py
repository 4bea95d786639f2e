"""What the Messages API takes from which model. Pure: no I/O.

Sources: platform.claude.com, "Troubleshooting thinking" (its table of what each model rejects),
"Effort", "Fast mode" and "Context windows" for the models up to Opus 5; for the later ones the
pages "What's new", "Overview" and "Migration guide" of each.
"""

import re
from typing import NamedTuple

# claude-opus-4-8, claude-sonnet-4-5-20250929, us.anthropic.claude-opus-5-5-v1:0
_NAME = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
# claude-3-5-haiku-20241022
_OLD_NAME = re.compile(r"claude-(\d)(?:-(\d))?-([a-z]+)")
_UNKNOWN = (0, 0)
_UP_TO_HIGH = ("low", "medium", "high")
_LEVELS = (*_UP_TO_HIGH, "xhigh", "max")
_WITHOUT_XHIGH = (*_UP_TO_HIGH, "max")
_FAST_BETA = "fast-mode-2026-02-01"


class ModelName(NamedTuple):
    """The family and the version that a model's name tells."""

    family: str
    version: tuple[int, int]


def parse(name: str) -> ModelName:
    """Read the family and version of a model's name.

    An unknown name has version 0.0, to which no model-specific rule applies.
    """
    if "mythos-preview" in name:
        return ModelName("mythos", (5, 0))
    if match := _NAME.search(name):
        return ModelName(match[1], (int(match[2]), int(match[3] or 0)))
    if match := _OLD_NAME.search(name):
        return ModelName(match[3], (int(match[1]), int(match[2] or 0)))
    # Assumed: a model we cannot place exists and has no restriction; the API answers 404.
    return ModelName("", _UNKNOWN)


def accepts_prefill(name: str) -> bool:
    """Tell whether a request may end with an assistant turn."""
    return parse(name).version < (4, 6)


def accepts_sampling(name: str) -> bool:
    """Tell whether temperature, top_p and top_k may differ from their defaults."""
    return parse(name).version < (4, 7)


def accepts_system_messages(name: str) -> bool:
    """Tell whether `messages` may hold the role `system`."""
    model = parse(name)
    # Assumed: from 4.8 on, but not in Sonnet 5; only Opus 4.8's page says so in words.
    return model.version >= (4, 8) and model != ("sonnet", (5, 0))


def accepts_forced_tools(name: str) -> bool:
    """Tell whether `tool_choice` may force a tool."""
    family, version = parse(name)
    if "mythos-preview" in name or family in ("fable", "mythos"):
        return version < (5, 1)
    # Not among the breaking changes of Haiku 5.5.
    return family == "haiku" or version < (5, 5)


def rejected_thinking(name: str) -> tuple[str, ...]:
    """The values of `thinking.type` that are a 400."""
    family, version = parse(name)
    if version == _UNKNOWN:
        return ()
    if "mythos-preview" in name:
        return ("disabled", "between_tools")
    if version < (4, 6):
        return ("adaptive", "between_tools")
    if version < (4, 7):
        return ("between_tools",)
    if family in ("fable", "mythos") or (family == "opus" and version >= (5, 5)):
        return ("enabled", "disabled", "between_tools")
    if family == "sonnet" and version >= (5, 5):
        return ("enabled", "disabled")
    return ("enabled", "between_tools")


def thinks_unasked(name: str) -> bool:
    """Tell whether it thinks where a request says nothing of thinking."""
    return "mythos-preview" in name or parse(name).version >= (5, 0)


def omits_thinking(name: str) -> bool:
    """Tell whether the text of thinking is left out by default."""
    return parse(name).version >= (4, 7)


def notes_in_thinking(name: str) -> bool:
    """Tell whether what it says between calls of tools comes in blocks of thinking."""
    family, version = parse(name)
    if "mythos-preview" in name:
        return False
    return family in ("fable", "mythos") or (family in ("opus", "sonnet") and version >= (5, 5))


def efforts(name: str) -> tuple[str, ...]:
    """The levels of `output_config.effort` that it takes."""
    family, version = parse(name)
    if "mythos-preview" in name:
        return _WITHOUT_XHIGH
    if version == _UNKNOWN or version >= (4, 7):
        return _LEVELS
    if version >= (4, 6):
        return _WITHOUT_XHIGH
    return _UP_TO_HIGH if (family, version) == ("opus", (4, 5)) else ()


def efforts_without_thinking(name: str) -> tuple[str, ...]:
    """The levels that it takes together with thinking that is turned off.

    "This restriction applies to Claude Opus 5 and later models"; Sonnet 5 came before it.
    """
    family, version = parse(name)
    restricted = version >= (5, 0) and (family, version) != ("sonnet", (5, 0))
    return _UP_TO_HIGH if restricted else _LEVELS


def fast_mode(name: str) -> str | None:
    """The beta that `speed: "fast"` needs, empty if none; None where there is no fast mode."""
    family, version = parse(name)
    if version == _UNKNOWN:
        return ""
    if (family, version) in (("opus", (4, 8)), ("opus", (5, 0))):
        return _FAST_BETA
    is_fast = (family == "opus" and version >= (5, 5)) or (
        family in ("fable", "mythos") and version >= (5, 2)
    )
    return "" if is_fast else None


def max_output_tokens(name: str) -> int | None:
    """The highest `max_tokens`; None where it is not documented."""
    version = parse(name).version
    if version < (4, 5) or "mythos-preview" in name:
        return None
    return 64_000 if version < (4, 6) else 128_000


def max_input_tokens(name: str) -> int | None:
    """The context window in tokens; None where it is not documented."""
    version = parse(name).version
    if version < (4, 5) or "mythos-preview" in name:
        return None
    return 200_000 if version < (4, 6) else 1_000_000


def cache_minimum_tokens(name: str) -> int:
    """How long a prefix must be to be cached, in tokens.

    Source: "Prompt caching", "Cache limitations"; of 5.5 and later models third parties tell.
    """
    family, version = parse(name)
    if "mythos-preview" in name or (family, version) == ("opus", (4, 7)):
        return 2048
    if (family, version) in (("opus", (4, 5)), ("opus", (4, 6)), ("haiku", (4, 5))):
        return 4096
    return 512 if version >= (5, 0) and (family, version) != ("sonnet", (5, 0)) else 1024


def calls_tools_from_code(name: str) -> bool:
    """Tell whether code that it runs may call tools (programmatic tool calling)."""
    family, version = parse(name)
    return version == _UNKNOWN or (version >= (4, 5) and (family, version) != ("haiku", (4, 5)))


def searches_tools(name: str) -> bool:
    """Tell whether it can look for tools instead of reading all of them."""
    version = parse(name).version
    return version == _UNKNOWN or version >= (4, 5)
