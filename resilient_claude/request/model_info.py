"""What the API says of a model (`GET /v1/models/{model}`), laid over what its id tells. Pure.

Source: anthropic/types/model_info.py, model_capabilities.py and thinking_types.py of the SDK 2.14.
The answer comes from the network, perhaps from a gateway: what is not as expected is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from resilient_claude.failures.redaction import identifier

from .argument_checks import THINKING_TYPES
from .given import is_int
from .model_facts import EVERY_EFFORT, ModelFacts
from .models import Model


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the API says of one model.

    Attributes:
        model: The model, with what is known of it now.
        lifecycle: "active", "deprecated" or "retired"; None where it does not say.
        retires_at: The day when it is to retire, such as "2026-11-30"; None if none is planned.
    """

    model: Model
    lifecycle: str | None = None
    retires_at: str | None = None

    @classmethod
    def of(cls, model: Model, answer: object) -> ModelInfo:
        """What *answer*, the body of the response, says of *model*."""
        info = answer if isinstance(answer, Mapping) else {}
        facts = model.facts
        named = info.get("id")
        if not model.is_named and isinstance(named, str) and len(named) <= _LONGEST_ID:
            facts = Model.parse(named).facts  # an alias, and the model that it stands for
        facts = _overruled(facts, info)
        return cls(
            replace(model, facts=facts),
            identifier(_string(info.get("lifecycle"))),
            identifier(_string(info.get("retires_at"))[:10]),
        )

    @property
    def ends(self) -> bool:
        """Whether the operator has to look for another model."""
        return self.lifecycle in ("deprecated", "retired") or self.retires_at is not None


_LONGEST_ID = 256


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _overruled(facts: ModelFacts, info: Mapping[str, Any]) -> ModelFacts:
    """*facts* with what the capabilities say; a default that they rule out is none any more."""
    capabilities = info.get("capabilities")
    found: dict[str, Any] = {}
    if isinstance(capabilities, Mapping):
        found["thinking"] = _supported(
            _inner(capabilities, "thinking", "types"), THINKING_TYPES, facts.thinking
        )
        found["efforts"] = _supported(_inner(capabilities, "effort"), EVERY_EFFORT, facts.efforts)
        strict = _inner(capabilities, "structured_outputs").get("supported")
        if isinstance(strict, bool):
            found["strict_tools"] = strict
    for name, field in (
        ("max_tokens", "max_output_tokens"),
        ("max_input_tokens", "context_tokens"),
    ):
        value: Any = info.get(name)
        if is_int(value) and value > 0:
            found[field] = value
    if not found:
        return facts
    facts = replace(facts, **found)
    if facts.voice_thinking not in facts.thinking:
        facts = replace(facts, voice_thinking=None)
    if facts.voice_effort not in facts.efforts:
        facts = replace(facts, voice_effort=None)
    return facts


def _supported(
    told: Mapping[str, Any], names: tuple[str, ...], otherwise: tuple[str, ...]
) -> tuple[str, ...]:
    """Those of *names* that are supported; as *otherwise* has it where nothing is *told*."""
    answers = {name: _inner(told, name).get("supported") for name in names}
    return tuple(
        name
        for name, supported in answers.items()
        if supported is True or (not isinstance(supported, bool) and name in otherwise)
    )


def _inner(holder: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        inner = holder.get(name)
        holder = inner if isinstance(inner, Mapping) else {}
    return holder
