"""What of the options one model does not take. Pure.

A model that is not documented may take anything, so nothing is refused for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .argument_checks import alternatives
from .model_facts import ModelFacts
from .options import UNSET, RequestOptions


def refusals(options: RequestOptions, facts: ModelFacts, model_id: str) -> dict[str, str]:
    """The arguments that were given and that the model rejects, and why.

    Args:
        options: What was asked for.
        facts: What the model takes.
        model_id: Its id, for the words.
    """
    if not facts.known:
        return {}
    efforts = _efforts(options)
    found = {
        "thinking": _thinking(options, facts, efforts),
        "max_tokens": _max_tokens(options, facts),
        "top_p": "" if not _samples_twice(options, facts) else _ONE_OF_TWO,
        "speed": "" if options.speed != "fast" or facts.fast is not None else _NOT_FAST,
        **{name: _effort(effort, facts) for name, effort in efforts.items()},
    }
    return {name: why.format(model=model_id) for name, why in found.items() if why}


def check_taken(options: RequestOptions, facts: ModelFacts, model_id: str) -> None:
    """Check that the model takes what was asked for.

    Raises:
        ValueError: It does not; the message says what it takes.
    """
    for argument, why in refusals(options, facts, model_id).items():
        raise ValueError(f"{argument} {why}")


_NOT_FAST = 'must be "standard" for model {model}, which has no fast mode, got "fast"'

# Source: platform.claude.com/docs/en/models/haiku-4-5/migration-guide, "Breaking changes".
_ONE_OF_TWO = "must not go with temperature: model {model} takes one of the two"


def _samples_twice(options: RequestOptions, facts: ModelFacts) -> bool:
    return facts.sampling and None not in (options.temperature, options.top_p)


def _efforts(options: RequestOptions) -> dict[str, str]:
    """The efforts that were asked for, by the argument that did."""
    config = options.output_config or {}
    asked = {
        "effort": None if options.effort is UNSET else options.effort,
        "output_config": config.get("effort"),
    }
    return {name: effort for name, effort in asked.items() if effort is not None}


def _effort(effort: str, facts: ModelFacts) -> str:
    if effort in facts.efforts:
        return ""
    if not facts.efforts:
        return f'must be left out for model {{model}}, which knows no effort, got "{effort}"'
    return f'must be {_one_of(facts.efforts)} for model {{model}}, got "{effort}"'


def _thinking(options: RequestOptions, facts: ModelFacts, efforts: Mapping[str, str]) -> str:
    thinking = options.thinking
    if not isinstance(thinking, Mapping):
        return ""
    kind = str(thinking["type"])
    if kind not in facts.thinking:
        return f'must be of the type {_one_of(facts.thinking)} for model {{model}}, got "{kind}"'
    if kind in ("disabled", "between_tools"):
        for effort in efforts.values():
            if effort in facts.efforts and effort not in facts.efforts_without_thinking:
                return (
                    f'of the type "{kind}" must go with an effort of '
                    f'{_one_of(facts.efforts_without_thinking)} for model {{model}}, got "{effort}"'
                )
    budget = thinking.get("budget_tokens", 0)
    if kind == "enabled" and options.max_tokens is not None and budget >= options.max_tokens:
        return f"must have budget_tokens below max_tokens, got {budget} >= {options.max_tokens}"
    return ""


def _max_tokens(options: RequestOptions, facts: ModelFacts) -> str:
    most = facts.max_output_tokens
    if options.max_tokens is None or most is None or options.max_tokens <= most:
        return ""
    return f"must be <= {most} for model {{model}}, got {options.max_tokens}"


def _one_of(values: Sequence[str]) -> str:
    return alternatives(values).replace("{", "{{").replace("}", "}}")
