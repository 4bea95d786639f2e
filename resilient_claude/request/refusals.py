"""What of the options one model does not take. Pure.

A model that is not documented may take anything, so nothing is refused for it.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    efforts, who = _efforts(options), f"model {model_id}"
    found = {
        "thinking": _thinking(options, facts, efforts, who),
        "max_tokens": _max_tokens(options, facts, who),
        "top_p": _top_p(options, facts, who),
        "speed": _speed(options, facts, who),
        **{name: _effort(effort, facts, who) for name, effort in efforts.items()},
    }
    return {name: why for name, why in found.items() if why}


def check_taken(options: RequestOptions, facts: ModelFacts, model_id: str) -> None:
    """Check that the model takes what was asked for.

    Raises:
        ValueError: It does not; the message says what it takes.
    """
    for argument, why in refusals(options, facts, model_id).items():
        raise ValueError(f"{argument} {why}")


def _speed(options: RequestOptions, facts: ModelFacts, who: str) -> str:
    if options.speed != "fast" or facts.fast is not None:
        return ""
    return f'must be "standard" for {who}, which has no fast mode, got "fast"'


def _top_p(options: RequestOptions, facts: ModelFacts, who: str) -> str:
    if not facts.sampling or None in (options.temperature, options.top_p):
        return ""
    # Source: platform.claude.com/docs/en/models/haiku-4-5/migration-guide, "Breaking changes".
    return f"must not go with temperature: {who} takes one of the two"


def _efforts(options: RequestOptions) -> dict[str, str]:
    """The efforts that were asked for, by the argument that did."""
    config = options.output_config or {}
    asked = {
        "effort": None if options.effort is UNSET else options.effort,
        "output_config": config.get("effort"),
    }
    return {name: effort for name, effort in asked.items() if effort is not None}


def _effort(effort: str, facts: ModelFacts, who: str) -> str:
    if effort in facts.efforts:
        return ""
    if not facts.efforts:
        return f'must be left out for {who}, which knows no effort, got "{effort}"'
    return f'must be {alternatives(facts.efforts)} for {who}, got "{effort}"'


def _thinking(
    options: RequestOptions, facts: ModelFacts, efforts: Mapping[str, str], who: str
) -> str:
    thinking = options.thinking
    if not isinstance(thinking, Mapping):
        return ""
    kind = str(thinking["type"])
    if kind not in facts.thinking:
        return f'must be of the type {alternatives(facts.thinking)} for {who}, got "{kind}"'
    if kind in ("disabled", "between_tools"):
        for effort in efforts.values():
            if effort in facts.efforts and effort not in facts.efforts_without_thinking:
                return (
                    f'of the type "{kind}" must go with an effort of '
                    f'{alternatives(facts.efforts_without_thinking)} for {who}, got "{effort}"'
                )
    budget = thinking.get("budget_tokens", 0)
    if kind == "enabled" and options.max_tokens is not None and budget >= options.max_tokens:
        return f"must have budget_tokens below max_tokens, got {budget} >= {options.max_tokens}"
    return ""


def _max_tokens(options: RequestOptions, facts: ModelFacts, who: str) -> str:
    most = facts.max_output_tokens
    if options.max_tokens is None or most is None or options.max_tokens <= most:
        return ""
    return f"must be <= {most} for {who}, got {options.max_tokens}"
