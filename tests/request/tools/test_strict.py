"""Which tools may be strict, and what becomes of the others."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from livekit.agents.llm import function_tool
from pydantic import BaseModel, Field

from resilient_claude.request.tools.definitions import tool_definitions
from resilient_claude.request.tools.schemas import Definition, ToolSchemas
from resilient_claude.request.tools.strict import TOO_COMPLEX, is_strict
from tests.support.builders import build, rejected

from .test_definitions import WEATHER, definitions, weather


class Node(BaseModel):
    """A tree."""

    children: list[Node] = []


def limited(annotation: Any) -> Any:
    """A tool whose argument is of *annotation*."""

    async def function(x: Any) -> None: ...

    function.__annotations__["x"] = annotation
    return function_tool(function, name="limited", description="d")


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, Field(ge=1, le=10)], "Limits: at least 1, at most 10."),
        (Annotated[float, Field(gt=0, lt=1)], "Limits: more than 0, less than 1."),
        (
            Annotated[int, Field(multiple_of=5, description="Euro")],
            "Euro\n\nLimits: a multiple of 5.",
        ),
        (
            Annotated[str, Field(min_length=2, max_length=9)],
            "Limits: at least 2 characters, at most 9 characters.",
        ),
        (
            Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=4)],
            "Limits: at least 2 items, at most 4 items, each at least 1.",
        ),
        (set[int], "Limits: no item twice."),
        (Annotated[int, Field(ge=1)] | None, "Limits: at least 1."),
        (Annotated[str, Field(pattern=r"\bno")], r"Limits: of the pattern \bno."),
        (Path, "Limits: of the format path."),
        (tuple[int, str], "Limits: at least 2 items, at most 2 items."),
        (dict[str, Any], None),
        (dict[str, int], None),
        (Any, None),
        (Node, None),
        (list[Node], None),
    ],
)
def test_a_tool_outside_the_strict_dialect_goes_without(annotation: Any, words: str | None) -> None:
    """OpenAI's dialect, which livekit builds for, is wider; the API answers 400 in every turn."""
    sent, _, reason, *_ = tool_definitions(
        [limited(annotation), weather], ToolSchemas(), strict=True
    )

    assert "strict" not in sent[0]
    assert sent[0]["input_schema"]["properties"]["x"].get("description") == words
    assert sent[1] == WEATHER
    assert reason is None
    assert rejected(build(tools=[limited(annotation), weather])) is None


@pytest.mark.parametrize(
    "annotation",
    [
        int | None,
        Literal["a", "b"],
        datetime,
        Annotated[list[str], Field(min_length=1)],
        Annotated[str, Field(pattern=r"^\d{5}$")],
        Annotated[str, Field(examples=["a"], deprecated=True)],
    ],
)
def test_a_tool_in_the_dialect_stays_strict(annotation: Any) -> None:
    """Its arguments are then right by construction."""
    (sent,) = definitions(limited(annotation))

    assert sent["strict"] is True
    assert rejected(build(tools=[limited(annotation)])) is None
    assert "examples" not in sent["input_schema"]["properties"]["x"]


def test_a_definition_without_strict_is_made_once() -> None:
    """Where the API could not compile the schemas, every turn needs it, and its JSON."""
    (sent,) = tool_definitions([weather], ToolSchemas(), strict=True).definitions
    assert isinstance(sent, Definition)

    loose = sent.without_strict()

    assert loose == {key: value for key, value in WEATHER.items() if key != "strict"}
    assert loose is sent.without_strict()
    assert json.loads(loose.json) == loose


def closed(**properties: Any) -> dict[str, Any]:
    """An object that has these *properties* and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        closed(x={"type": "string", "enum": ["a", "b"], "default": "a", "title": "X"}),
        closed(x={"$ref": "#/$defs/A"}) | {"$defs": {"A": closed(y={"const": 1})}},
        closed(x={"allOf": [{"type": "string"}]}, y={"type": ["integer", "null"]}),
        closed(x={"type": "string", "format": "date", "pattern": r"^(?:a|b){1,3}\d+$"}),
        closed(x={"type": "array", "items": closed(), "minItems": 0}),
    ],
)
def test_what_has_a_grammar(schema: dict[str, Any]) -> None:
    """Source: "Structured outputs", "Supported features"."""
    assert is_strict(schema)


DEFINITIONS = {
    "A": closed(),
    "B": closed(c={"$ref": "#/$defs/C"}),
    "C": closed(b={"$ref": "#/$defs/B"}),
    "Loop": closed(self={"$ref": "#/$defs/Loop"}),
}


@pytest.mark.parametrize(
    "part",
    [
        {},
        True,
        {"type": "object", "properties": {}},
        {"properties": {"a": {"type": "string"}}},
        {"type": ["object", "null"], "additionalProperties": True},
        {"type": "array", "items": {}},
        {"type": "array", "items": True},
        {"type": "array", "items": {"type": "string"}, "minItems": 2},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"oneOf": [{"type": "string"}]},
        {"anyOf": [{"type": "string"}, True]},
        {"not": {"type": "string"}},
        {"type": "string", "contentEncoding": "base64"},
        {"type": "string", "format": "binary"},
        {"type": "string", "pattern": r"(a)\1"},
        {"type": "string", "pattern": r"\bword"},
        {"type": "string", "pattern": r"a{1000}"},
        {"enum": [["a"]]},
        {"const": {}},
        {"allOf": [{"$ref": "#/$defs/A"}]},
        {"$ref": "#"},
        {"$ref": "#/$defs/Loop"},
        {"$ref": "#/$defs/B"},
        {"$ref": "#/properties/a"},
    ],
)
def test_what_has_no_grammar(part: Any) -> None:
    """Source: "Structured outputs", "Not supported"."""
    refers = isinstance(part, dict) and "$ref" in str(part)

    assert not is_strict(closed(x=part) | {"$defs": DEFINITIONS if refers else {}})


@pytest.mark.parametrize(
    "message",
    [
        "Schema is too complex for compilation. Try reducing the number of tools or simplifying"
        " tool schemas.",
        "The compiled grammar is too large, which would cause performance issues. Simplify your"
        " tool schemas or reduce the number of strict tools.",
        "Too many strict tools (48). The maximum number of strict tools supported is 20.",
        "Schemas contains too many optional parameters (30), which would make grammar compilation"
        " inefficient.",
        "Schemas contains too many parameters with union types (17 parameters with type arrays or"
        " anyOf).",
        "tools.0.custom: For 'integer' type, property 'minimum' is not supported",
        "tools.1.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
        "tools.0.custom: Circular reference detected in schema definitions: A -> A.",
        "tools.0.custom.strict: Extra inputs are not permitted",
    ],
)
def test_what_the_api_says_of_strict_schemas(message: str) -> None:
    """Without `strict` the same request succeeds; with it, no turn does."""
    assert TOO_COMPLEX.search(message)


@pytest.mark.parametrize(
    "message",
    [
        "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft"
        " 2020-12",
        "prompt is too long: 210000 tokens > 200000 maximum",
        '"thinking.type.enabled" is not supported for this model.',
        "messages.1.content.0.image.source.media_type: Input should be 'image/jpeg'",
        "tools.0.custom.color: Extra inputs are not permitted",
    ],
)
def test_what_else_the_api_rejects(message: str) -> None:
    """To be asked again would only be rejected again."""
    assert not TOO_COMPLEX.search(message)
