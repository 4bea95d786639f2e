"""Which Claude model an id names, whatever platform it is written for.

A family and a version are read off the id; what is known of them stands in `model_facts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from .model_facts import ModelFacts, facts_of

# What names the model in an id: not a gateway's prefix, a region or an ARN's resource type.
_NAME = re.compile(r"claude[-_.]v?(?P<tokens>.*)", re.DOTALL)
_SEPARATORS = re.compile(r"[^a-z0-9]+")
# Of a version one or two digits, of a snapshot's date eight (`claude-sonnet-4-20250514`).
_NUMBER = re.compile(r"\d{1,2}")
_PREVIEW = "mythos-preview"  # the only one that is named without a version


@dataclass(frozen=True, slots=True)
class Model:
    """One Claude model, as far as its id tells.

    Attributes:
        id: The id as the caller wrote it.
        family: ``"opus"``, ``"sonnet"``, ``"haiku"``, ...; empty when the id names none.
        version: ``(major, minor)``; None when the id names none.
        facts: What is known of it.
    """

    id: str
    family: str
    version: tuple[int, int] | None
    facts: ModelFacts = field(default_factory=lambda: facts_of("", None), compare=False, repr=False)

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(model_id: str, like: str | None = None) -> Model:
        """The model an id names: an Anthropic, Bedrock, Vertex or gateway id, or an ARN.

        Args:
            model_id: The id.
            like: The id of a model that it is like, where it does not say so itself.
        """
        if like is not None:
            return replace(Model.parse(like), id=model_id)
        family, version = _family_and_version(model_id.lower())
        known_as = family if version is not None or _PREVIEW in model_id.lower() else ""
        return Model(model_id, family, version, facts_of(known_as, version))

    @property
    def is_named(self) -> bool:
        """Whether the id tells which model it is."""
        return self.version is not None or self.facts.known

    @property
    def accepts_prefill(self) -> bool:
        """See `ModelFacts.prefill`."""
        return self.facts.prefill

    @property
    def accepts_sampling(self) -> bool:
        """See `ModelFacts.sampling`."""
        return self.facts.sampling

    @property
    def accepts_forced_tool_choice(self) -> bool:
        """See `ModelFacts.forced_tools`."""
        return self.facts.forced_tools

    @property
    def accepts_forced_tool_choice_with_thinking(self) -> bool:
        """See `ModelFacts.forced_tools_with_thinking`."""
        return self.facts.forced_tools_with_thinking

    @property
    def accepts_strict_tools(self) -> bool:
        """See `ModelFacts.strict_tools`."""
        return self.facts.strict_tools


def _family_and_version(model_id: str) -> tuple[str, tuple[int, int] | None]:
    name = _NAME.search(model_id)
    if name is None:
        return "", None
    family = ""
    numbers: list[int] = []
    for token in _SEPARATORS.split(name["tokens"]):
        if _NUMBER.fullmatch(token):
            numbers.append(int(token))
        elif family or not token.isalpha():
            break  # a date, `v1`, `latest`: the version is over
        else:
            family = token
    if not numbers:
        return family, None
    major, minor = (*numbers, 0)[:2]
    return family, (major, minor)
