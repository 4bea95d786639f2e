"""What the Messages API takes from which model. Pure: no I/O.

Sources: the pages "Migration guide" and "What's new" of each model on platform.claude.com.
"""

import re
from typing import NamedTuple

# claude-opus-4-8, claude-sonnet-4-5-20250929, us.anthropic.claude-opus-5-5-v1:0
_NAME = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
# claude-3-5-haiku-20241022
_OLD_NAME = re.compile(r"claude-(\d)(?:-(\d))?-([a-z]+)")
# Forced tool choice and disabled thinking ended in each family with this version.
_ALWAYS_THINKING = {"opus": (5, 5), "sonnet": (5, 5), "fable": (5, 1), "mythos": (5, 1)}


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
    return ModelName("", (0, 0))


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


def always_thinks(name: str) -> bool:
    """Tell whether thinking cannot be disabled and a tool cannot be forced."""
    model = parse(name)
    return model.family in _ALWAYS_THINKING and model.version >= _ALWAYS_THINKING[model.family]


def thinks_between_tools(name: str) -> bool:
    """Tell whether thinking may be limited to between tools."""
    # Assumed: Sonnet keeps `between_tools` after 5.5, and no other family has it.
    return parse(name).family == "sonnet" and always_thinks(name)
