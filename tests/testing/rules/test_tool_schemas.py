"""The rules for the schema of any tool."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.rules.bodies import body, error_of

STRING = {"type": "string"}


def with_schema(**schema: Any) -> dict[str, Any]:
    """A body whose tool has an object's *schema*."""
    return body(tools=[{"name": "find", "input_schema": {"type": "object", **schema}}])


def with_property(schema: Any) -> dict[str, Any]:
    """A body whose tool has one property."""
    return with_schema(properties={"place": schema})


VALID: dict[str, Any] = {
    "nulls_of_the_sdk": with_schema(properties=None, required=None),
    "combinators_below_the_top": with_property({"anyOf": [STRING, {"oneOf": [STRING]}]}),
    "limits": with_property({"type": "integer", "minimum": 1, "maximum": 2.5, "multipleOf": 0.1}),
    "lengths": with_property({"type": "string", "minLength": 1, "maxLength": 3.0, "pattern": "a"}),
    "exclusive_numbers": with_property({"type": "number", "exclusiveMinimum": 0}),
    "counts": with_property({"type": "array", "items": STRING, "minItems": 2, "uniqueItems": True}),
    "tuple_of_2020": with_property({"type": "array", "prefixItems": [STRING], "items": False}),
    "types": with_property({"type": ["string", "null"], "enum": ["a", None], "default": None}),
    "recursion": with_schema(
        properties={"next": {"$ref": "#/$defs/Node"}},
        **{"$defs": {"Node": {"type": "object", "properties": {"a": {"$ref": "#/$defs/Node"}}}}},
    ),
    "open_object": with_property({"type": "object", "additionalProperties": STRING}),
    "anything": with_property({}),
    "true": with_property(True),
    "unknown_keywords": with_property({"id": "http://x/y", "nullable": True, "x-mine": [1]}),
    "property_named_like_a_keyword": with_schema(properties={"required": STRING, "type": STRING}),
    "instance_like_a_schema": with_property({"const": {"type": 1}, "enum": [{"items": 1}]}),
    "nested_key_with_a_space": with_property({"type": "object", "properties": {"a b": STRING}}),
    "key_of_64": with_schema(properties={"a.b-C_9".ljust(64, "x"): STRING}),
    "schema_dialect": with_schema(**{"$schema": "http://json-schema.org/draft-07/schema#"}),
    "dependent": with_schema(dependentRequired={"a": ["b"]}, dependentSchemas={"a": True}),
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_a_valid_schema_is_accepted(value: dict[str, Any]) -> None:
    """A rule that is too strict would fail code that works."""
    assert error_of(value) is None


@pytest.mark.parametrize("kind", [None, ["object"], ["object", "null"], "array", "", 1])
def test_the_top_level_is_an_object(kind: object) -> None:
    """And nothing else beside it."""
    found = error_of(body(tools=[{"name": "find", "input_schema": {"type": kind}}]))

    assert found == (400, "tools.0.custom.input_schema.type: Input should be 'object'")


@pytest.mark.parametrize("key", ["anyOf", "oneOf", "allOf"])
def test_the_top_level_has_no_alternatives(key: str) -> None:
    """Tools of MCP servers have them, to say "one of these arguments"."""
    found = error_of(with_schema(**{key: [{"required": ["a"]}]}))

    assert found == (
        400,
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the "
        "top level",
    )


@pytest.mark.parametrize("key", ["filter[id]", "$top", "two words", "", "a" * 65, "größe", "a\n"])
def test_keys_at_the_top_level_keep_the_pattern(key: str) -> None:
    """One tool with another key fails every request."""
    found = error_of(with_schema(properties={key: STRING}))

    assert found == (
        400,
        "tools.0.custom.input_schema.properties: Property keys should match pattern "
        "'^[a-zA-Z0-9_.-]{1,64}$'",
    )


OUTSIDE_THE_DRAFT: dict[str, Any] = {
    "exclusive_minimum_of_draft_04": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
    "exclusive_maximum_of_draft_04": {"type": "integer", "maximum": 9, "exclusiveMaximum": False},
    "required_of_draft_03": {"type": "string", "required": True},
    "tuple_of_draft_07": {"type": "array", "items": [STRING, STRING]},
    "type_unknown": {"type": "any"},
    "type_null": {"type": None},
    "types_empty": {"type": []},
    "types_repeated": {"type": ["string", "string"]},
    "types_mixed": {"type": ["string", {"type": "null"}]},
    "minimum_text": {"type": "integer", "minimum": "1"},
    "length_negative": {"type": "string", "minLength": -1},
    "length_null": {"type": "string", "maxLength": None},
    "length_broken": {"type": "string", "maxLength": 1.5},
    "length_infinite": {"type": "string", "maxLength": True},
    "step_zero": {"type": "number", "multipleOf": 0},
    "unique_text": {"type": "array", "uniqueItems": "yes"},
    "enum_text": {"enum": "a"},
    "required_repeated": {"type": "object", "required": ["a", "a"]},
    "required_null": {"type": "object", "required": None},
    "properties_list": {"type": "object", "properties": ["a"]},
    "any_of_empty": {"anyOf": []},
    "any_of_object": {"anyOf": {"type": "string"}},
    "description_list": {"description": ["a"]},
    "pattern_number": {"pattern": 1},
    "id_fragment": {"$id": "#place"},
    "dependent_text": {"dependentRequired": {"a": "b"}},
    "schema_text": "string",
    "schema_null": None,
}


@pytest.mark.parametrize("schema", OUTSIDE_THE_DRAFT.values(), ids=OUTSIDE_THE_DRAFT)
@pytest.mark.parametrize("depth", [0, 2])
def test_a_schema_outside_the_draft_is_refused(schema: Any, depth: int) -> None:
    """Wherever it stands."""
    for _ in range(depth):
        schema = {"anyOf": [{"type": "object", "properties": {"a": schema}}]}

    found = error_of(with_property(schema))

    assert found is not None
    assert found[0] == 400
    assert found[1].startswith(
        "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft "
        "2020-12 (https://json-schema.org/draft/2020-12)."
    )


def test_properties_of_the_top_level_are_an_object() -> None:
    """Null is allowed there alone."""
    found = error_of(with_schema(properties=[]))

    assert found is not None
    assert "JSON schema is invalid" in found[1]
