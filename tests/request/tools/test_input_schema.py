"""The parameters of a tool, as one object without alternatives."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.tools.input_schema import NoInputSchemaError, input_schema
from resilient_claude.request.tools.names import api_key

CARD = {
    "properties": {"card": {"type": "string"}, "sum": {"type": "integer"}},
    "required": ["card", "sum"],
}
CASH = {
    "properties": {"coins": {"type": "array"}, "sum": {"type": "number"}},
    "required": ["coins", "sum"],
}
BOTH = {
    "card": {"type": "string"},
    "sum": {"anyOf": [{"type": "integer"}, {"type": "number"}]},
    "coins": {"type": "array"},
}


@pytest.mark.parametrize(
    "parameters", [None, {}, True, {"type": None}, {"type": ["null", "object"]}, {"type": "OBJECT"}]
)
def test_whatever_takes_an_object_is_an_object(parameters: Any) -> None:
    """The API: "input_schema.type: Field required"."""
    assert input_schema(parameters).schema == {"type": "object"}


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ([], "its parameters are no JSON schema"),
        ("object", "its parameters are no JSON schema"),
        ({"type": "string"}, "it takes string, and not an object"),
        ({"type": ["array", "null"]}, "it takes ['array', 'null'], and not an object"),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "array"}}},
            "it takes array, and not an object",
        ),
    ],
)
def test_what_takes_no_object_cannot_be_called(parameters: Any, why: str) -> None:
    """Claude gives an object, always; the tool would refuse every call."""
    with pytest.raises(NoInputSchemaError) as caught:
        input_schema(parameters)

    assert str(caught.value) == why


def test_a_reference_at_the_top_is_followed() -> None:
    """As generators write them that name all they have."""
    parameters = {"$ref": "#/definitions/Pay", "definitions": {"Pay": {"type": "object", **CARD}}}

    assert input_schema(parameters).schema == {
        "$defs": {"Pay": {"type": "object", **CARD}},
        "type": "object",
        **CARD,
    }


@pytest.mark.parametrize("key", ["anyOf", "oneOf"])
def test_alternatives_become_one_object_and_are_told_in_words(key: str) -> None:
    """Claude is offered all arguments, and told which go together."""
    made = input_schema({"type": "object", key: [CARD, CASH, {"type": "null"}]})

    assert made.schema == {"type": "object", "properties": BOTH, "required": ["sum"]}
    assert made.words == 'Give "card", or "coins".'


def test_alternatives_without_properties_of_their_own() -> None:
    """The commonest form: one of two arguments is needed."""
    made = input_schema(
        {
            "type": "object",
            "properties": {"a": {}, "b": {}, "c": {}},
            "anyOf": [{"required": ["a", "b"]}, {"required": ["c"]}, {}],
        }
    )

    assert made.schema == {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}}
    assert made.words == 'Give "a" and "b", or "c", or none of these.'


def test_what_must_be_fulfilled_together_is_merged() -> None:
    """Inheritance, as generators write it; also with references and nested."""
    made = input_schema(
        {
            "allOf": [{"$ref": "#/$defs/Base"}, {"anyOf": [CARD]}, True],
            "required": ["when"],
            "$defs": {"Base": {"properties": {"when": {"type": "string"}}}},
        }
    )

    assert made.schema == {
        "type": "object",
        "required": ["when", "card", "sum"],
        "$defs": {"Base": {"properties": {"when": {"type": "string"}}}},
        "properties": {"when": {"type": "string"}, **CARD["properties"]},  # type: ignore[dict-item]
    }
    assert made.words == ""


def test_names_of_arguments_that_the_api_refuses_are_replaced() -> None:
    """`größe` is a fine name in Python."""
    made = input_schema(
        {
            "properties": {"größe": {"type": "number"}, "ok": {}, "": True, "x y": {"title": "T"}},
            "required": ["größe", "ok"],
            "dependentRequired": {"ok": ["größe"]},
        }
    )

    size, empty, both = map(api_key, ("größe", "", "x y"))
    assert made.schema == {
        "type": "object",
        "properties": {
            size: {"title": "größe", "type": "number"},
            "ok": {},
            empty: True,
            both: {"title": "T"},
        },
        "required": [size, "ok"],
    }
    assert made.keys == {size: "größe", empty: "", both: "x y"}


def test_a_schema_that_contains_itself_at_the_top_ends() -> None:
    """It is somebody else's mistake; it must not be ours."""
    with pytest.raises(RecursionError):
        input_schema({"type": "object", "anyOf": [{"$ref": "#"}]})
