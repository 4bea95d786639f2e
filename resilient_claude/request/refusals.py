"""What of the options one model, or one platform, does not take. Pure.

A model that is not documented may take anything, so nothing is refused for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .argument_checks import alternatives
from .model_facts import ModelFacts
from .options import UNSET, RequestOptions
from .platforms import ANTHROPIC, Platform


def refusals(
    options: RequestOptions, facts: ModelFacts, model_id: str, platform: Platform = ANTHROPIC
) -> dict[str, str]:
    """The arguments that were given and that the model or the platform rejects, and why.

    Args:
        options: What was asked for.
        facts: What the model takes.
        model_id: Its id, for the words.
        platform: Where it is asked.
    """
    found = _of_platform(options, platform)
    if facts.known:
        found = _of_model(options, facts, model_id) | found
    return {name: why for name, why in found.items() if why}


def _of_platform(options: RequestOptions, platform: Platform) -> dict[str, str]:
    absent = f"must be left out for {platform.name}, which has no"
    found = {
        "speed": ""
        if platform.fast_mode or options.speed != "fast"
        else f'{absent} fast mode, got "fast"',
        "mcp_servers": ""
        if platform.mcp_servers or not options.mcp_servers
        else f"{absent} MCP connector",
        "inference_geo": ""
        if platform.inference_geo or options.inference_geo is None
        else f'{absent} choice of where the model runs, got "{options.inference_geo}"',
        "output_config": ""
        if platform.answer_format or "format" not in (options.output_config or {})
        else f"of a format {absent} structured outputs",
    }
    return {name: why for name, why in found.items() if why}


def _of_model(options: RequestOptions, facts: ModelFacts, model_id: str) -> dict[str, str]:
    efforts, who = _efforts(options), f"model {model_id}"
    return {
        "thinking": _thinking(options, facts, efforts, who),
        "max_tokens": _max_tokens(options, facts, who),
        "top_p": _top_p(options, facts, who),
        "speed": _speed(options, facts, who),
        **{name: _effort(effort, facts, who) for name, effort in efforts.items()},
    }


def check_taken(
    options: RequestOptions, facts: ModelFacts, model_id: str, platform: Platform = ANTHROPIC
) -> None:
    """Check that the model, and the platform, takes what was asked for.

    Raises:
        ValueError: It does not; the message says what it takes.
    """
    for argument, why in refusals(options, facts, model_id, platform).items():
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
