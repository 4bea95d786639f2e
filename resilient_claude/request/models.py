"""What each Claude model accepts, read off its id.

There is no list of ids: a family and a version are parsed from the id, whatever platform it is
written for, and every fact is a comparison of versions. An id that says nothing is treated as the
newest model, because what the newest rejects no older one needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# What names the model in an id: not a gateway's prefix, a region or an ARN's resource type.
_NAME = re.compile(r"claude[-_.]v?(?P<tokens>.*)", re.DOTALL)
_SEPARATORS = re.compile(r"[^a-z0-9]+")
# Of a version one or two digits, of a snapshot's date eight (`claude-sonnet-4-20250514`).
_NUMBER = re.compile(r"\d{1,2}")

# The first version of a family that answers a forced `tool_choice` with 400.
# Source: platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5 ("forced tool use returns
# an error", which "also applies on Claude Fable 5.1") and .../sonnet-5-5/whats-new-sonnet-5-5.
# Haiku 5.5 still takes one: forced tool use is not among the breaking changes of
# .../haiku-5-5/whats-new-haiku-5-5. A later Haiku is unknown and counts as the newest.
_FORCED_TOOL_CHOICE_ENDS = {"opus": (5, 5), "sonnet": (5, 5), "haiku": (5, 6)}
_FORCED_TOOL_CHOICE_ENDS_ELSEWHERE = (5, 1)


@dataclass(frozen=True, slots=True)
class Model:
    """One Claude model, as far as its id tells.

    Attributes:
        id: The id as the caller wrote it.
        family: ``"opus"``, ``"sonnet"``, ``"haiku"``, ...; empty when the id names none.
        version: ``(major, minor)``; None when the id names none, which counts as the newest.
    """

    id: str
    family: str
    version: tuple[int, int] | None

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(model_id: str) -> Model:
        """The model an id names: an Anthropic, Bedrock, Vertex or gateway id, or an ARN."""
        name = _NAME.search(model_id.lower())
        if name is None:
            return Model(model_id, "", None)
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
            return Model(model_id, family, None)
        major, minor = (*numbers, 0)[:2]
        return Model(model_id, family, (major, minor))

    @property
    def accepts_prefill(self) -> bool:
        """Whether a request may end with an assistant turn for the model to continue (before 4.6).

        Where it may not, an interrupted answer is continued by a user turn that quotes it.
        """
        return self._is_before((4, 6))

    @property
    def accepts_sampling(self) -> bool:
        """Whether temperature, top_p and top_k may be sent (before 4.7; later ones answer 400)."""
        return self._is_before((4, 7))

    @property
    def accepts_forced_tool_choice(self) -> bool:
        """Whether a tool call may be forced; elsewhere the API answers 400."""
        ends = _FORCED_TOOL_CHOICE_ENDS.get(self.family, _FORCED_TOOL_CHOICE_ENDS_ELSEWHERE)
        return self._is_before(ends)

    @property
    def accepts_forced_tool_choice_with_thinking(self) -> bool:
        """Whether a tool call may be forced in a request that also asks for thinking (from 4.8).

        Source: github.com/langchain-ai/langchain-aws/pull/1141 and 1151, tried on Bedrock. Before
        4.8 the API answers "Thinking may not be enabled when tool_choice forces tool use".
        """
        return self.accepts_forced_tool_choice and not self._is_before((4, 8))

    @property
    def accepts_strict_tools(self) -> bool:
        """Whether a tool's `strict` is known (from 4.5).

        Source: platform.claude.com/docs/en/build-with-claude/structured-outputs.
        """
        return not self._is_before((4, 5))

    def _is_before(self, version: tuple[int, int]) -> bool:
        return self.version is not None and self.version < version
