"""`model_facts`: the one table, row by row where a row has its own story."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
from anthropic.types import Model as ModelIds

from resilient_claude.request.model_facts import EVERY_EFFORT, MODELS, ModelFacts, facts_of
from resilient_claude.request.models import Model

IDS = [name for name in get_args(get_args(ModelIds)[0]) if isinstance(name, str)]

# The defaults for a voice: id, thinking, effort.
VOICE = [
    ("claude-haiku-4-5", None, None),
    ("claude-sonnet-4-5-20250929", None, None),
    ("claude-opus-4-5", None, None),
    ("claude-sonnet-4-6", None, None),
    ("claude-opus-4-6", None, None),
    ("claude-opus-4-7", None, None),
    ("claude-opus-4-8", None, None),
    ("claude-sonnet-5", "disabled", "low"),
    ("claude-haiku-5-5", "disabled", "low"),
    ("claude-opus-5", None, "low"),
    ("claude-sonnet-5-5", "between_tools", "low"),
    ("claude-opus-5-5", "adaptive", "low"),
    ("claude-fable-5", "adaptive", "low"),
    ("claude-fable-5-1", "adaptive", "low"),
    ("claude-fable-5-2", "adaptive", "low"),
    ("claude-mythos-5", "adaptive", "low"),
    ("claude-mythos-5-2", "adaptive", "low"),
    ("claude-haiku-6", "adaptive", "low"),
    ("claude-sonnet-5-6", "adaptive", "low"),
    ("claude-saga-7", "adaptive", "low"),
    ("claude-3-5-haiku-20241022", None, None),
    ("claude-opus-4-1-20250805", None, None),
    ("claude-sonnet-latest", None, None),
    ("my-deployment", None, None),
]


@pytest.mark.parametrize(("model_id", "thinking", "effort"), VOICE)
def test_defaults_for_a_voice(model_id: str, thinking: str | None, effort: str | None) -> None:
    """Whether a caller waits for the first word of a model is decided here."""
    facts = Model.parse(model_id).facts

    assert (facts.voice_thinking, facts.voice_effort) == (thinking, effort)


@pytest.mark.parametrize("model_id", IDS)
def test_every_model_of_the_sdk_has_a_row(model_id: str) -> None:
    """A model that the SDK knows and the table does not is treated as one of days to come."""
    assert Model.parse(model_id).facts.known


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.name)
def test_a_row_does_not_contradict_itself(facts: ModelFacts) -> None:
    """A default that the model rejects would be a 400 on every turn."""
    assert Model.parse(facts.name).facts is facts
    assert facts.voice_thinking in {None, *facts.thinking}
    assert facts.voice_effort in {None, *facts.efforts_without_thinking}
    assert {facts.default_effort} <= {None, *facts.efforts}
    assert (facts.default_effort is None) == (facts.efforts == ())
    assert {*facts.efforts} <= {*EVERY_EFFORT}
    assert facts.thinks != "always" or "disabled" not in facts.thinking
    assert facts.forced_tools or not facts.forced_tools_with_thinking
    assert (facts.retires is None) == (facts.status != "deprecated")
    assert (facts.input_price is None) == (facts.output_price is None)


def test_no_two_rows_are_of_one_model() -> None:
    """The second would never be read."""
    assert len({facts.name for facts in MODELS}) == len(MODELS)


def test_days_of_retirement_are_those_of_the_sdk() -> None:
    """They are looked up there; a date that was moved is seen here."""
    deprecated = pytest.importorskip(
        "anthropic._data.deprecated_models", reason="this SDK does not say when models retire"
    ).DEPRECATED_MODELS
    told = {
        facts.name: f"{facts.retires:%B %d, %Y}" for facts in MODELS if facts.retires is not None
    }

    for name, day in deprecated.items():
        plain = day.replace("th,", ",").replace("nd,", ",").replace("st,", ",").replace("rd,", ",")
        assert told[Model.parse(name).facts.name] == plain, name


@pytest.mark.parametrize(
    ("family", "version", "like"),
    [("haiku", (4, 6), "claude-opus-4-6"), ("sonnet", (4, 8), "claude-opus-4-8")],
)
def test_a_version_of_another_family_tells_what_a_missing_row_would(
    family: str, version: tuple[int, int], like: str
) -> None:
    """What changed with a version changed for every family, as far as is known."""
    facts, other = facts_of(family, version), Model.parse(like).facts

    assert not facts.known
    assert (facts.sampling, facts.prefill) == (other.sampling, other.prefill)
    assert (facts.thinking, facts.retires) == (other.thinking, None)


def test_a_name_is_the_id_without_a_date() -> None:
    """It is what the table is printed with."""
    assert facts_of("opus", (5, 5)).name == "claude-opus-5-5"
    assert facts_of("opus", (5, 0)).name == "claude-opus-5"
    assert facts_of("mythos", None).name == "claude-mythos-preview"
    assert facts_of("", None).name == ""
    assert facts_of("sonnet", (4, 5)).retires == date(2026, 11, 30)
