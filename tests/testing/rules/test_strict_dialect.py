"""The dialect of strict tools and of the answer's format."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.rules.bodies import body, error_of

STRING = {"type": "string"}
NULLABLE = {"type": ["string", "null"]}


def closed(properties: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The schema of a closed object whose *properties* are all required."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
        **changes,
    }


def strict_tool(schema: dict[str, Any], name: str = "find") -> dict[str, Any]:
    """A strict tool."""
    return {"name": name, "strict": True, "input_schema": schema}


def with_property(schema: Any, **changes: Any) -> dict[str, Any]:
    """A body whose strict tool has one property."""
    return body(tools=[strict_tool(closed({"place": schema}, **changes))])


NODE = closed({"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}})
VALID: dict[str, Any] = {
    "no_arguments": body(tools=[strict_tool(closed({}))]),
    "optional": body(tools=[strict_tool(closed({"a": STRING}, required=[]))]),
    "basic_types": body(
        tools=[
            strict_tool(
                closed({name: {"type": name} for name in ("integer", "number", "boolean", "null")})
            )
        ]
    ),
    "enum": with_property({"type": "string", "enum": ["a", "b"], "default": "a"}),
    "enum_nullable": with_property({"type": ["string", "null"], "enum": ["a", None]}),
    "const": with_property({"const": "a"}),
    "format": with_property({"type": "string", "format": "date-time", "description": "When"}),
    "format_of_a_number": with_property({"type": "integer", "format": "int32"}),
    "pattern": with_property({"type": "string", "pattern": r"^\d{3}-(a|b)\w*\\b?$"}),
    "items": with_property({"type": "array", "items": STRING, "minItems": 1}),
    "nested": with_property(closed({"street": STRING})),
    "any_of": with_property({"anyOf": [STRING, closed({"street": STRING})]}),
    "all_of": with_property({"allOf": [STRING]}),
    "reference": with_property({"$ref": "#/$defs/A"}, **{"$defs": {"A": closed({"b": STRING})}}),
    "reference_twice": body(
        tools=[
            strict_tool(
                closed(
                    {"a": {"$ref": "#/definitions/A"}, "b": {"$ref": "#/definitions/A"}},
                    definitions={"A": {"$ref": "#/definitions/B"}, "B": STRING},
                )
            )
        ]
    ),
    "loose_is_free": body(
        tools=[{**strict_tool({"type": "object", "minProperties": 1}), "strict": False}]
    ),
    "property_named_like_a_keyword": body(
        tools=[strict_tool(closed({"minimum": STRING, "oneOf": STRING, "type": STRING}))]
    ),
    "at_the_limits": body(
        tools=[
            strict_tool(closed({str(n): NULLABLE for n in range(16)})),
            strict_tool(closed({str(n): STRING for n in range(24)}, required=[]), "b"),
            *(strict_tool(closed({}), f"c{n}") for n in range(18)),
            *({**strict_tool(closed({}), f"d{n}"), "strict": False} for n in range(9)),
        ]
    ),
    "format_of_the_answer": body(
        output_config={"format": {"type": "json_schema", "schema": closed({"a": STRING})}}
    ),
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_a_schema_in_the_dialect_is_accepted(value: dict[str, Any]) -> None:
    """A rule that is too strict would fail code that works."""
    assert error_of(value) is None


CLOSED = "For 'object' type, 'additionalProperties' must be explicitly set to false"
INVALID: dict[str, tuple[Any, str]] = {
    "minimum": ({"type": "integer", "minimum": 1}, "For 'integer' type, property 'minimum' is not"),
    "range": (
        {"type": "integer", "minimum": 1, "maximum": 2},
        "For 'integer' type, properties maximum, minimum are not supported",
    ),
    "exclusive": (
        {"type": "number", "exclusiveMinimum": 0},
        "For 'number' type, property 'exclusiveMinimum' is not supported",
    ),
    "multiple": ({"type": "integer", "multipleOf": 5}, "property 'multipleOf' is not supported"),
    "min_length": (
        {"type": "string", "minLength": 1},
        "For 'string' type, property 'minLength' is not supported",
    ),
    "max_length": ({"type": "string", "maxLength": 9}, "property 'maxLength' is not supported"),
    "min_items": (
        {"type": "array", "items": STRING, "minItems": 2},
        "For 'array' type, 'minItems' values other than 0 or 1 are not supported",
    ),
    "max_items": (
        {"type": "array", "items": STRING, "maxItems": 1},
        "For 'array' type, property 'maxItems' is not supported",
    ),
    "unique": ({"type": "array", "items": STRING, "uniqueItems": True}, "property 'uniqueItems'"),
    "tuple": ({"type": "array", "prefixItems": [STRING]}, "property 'prefixItems'"),
    "contains": ({"type": "array", "contains": STRING}, "property 'contains'"),
    "open": ({"type": "object", "properties": {}}, CLOSED),
    "free_form": ({"type": "object"}, CLOSED),
    "open_explicitly": ({"type": "object", "additionalProperties": True}, CLOSED),
    "map": ({"type": "object", "additionalProperties": STRING}, CLOSED),
    "open_or_null": ({"type": ["object", "null"]}, CLOSED),
    "open_within": ({"type": "array", "items": {"type": "object"}}, CLOSED),
    "open_in_alternative": ({"anyOf": [STRING, {"type": "object"}]}, CLOSED),
    "open_untyped": ({"enum": [None], "properties": {"a": STRING}}, CLOSED),
    "pattern_properties": (
        closed({}, patternProperties={"a": STRING}),
        "For 'object' type, property 'patternProperties' is not supported",
    ),
    "anything": ({}, "Schema must have one of type, anyOf, allOf, $ref, enum, const"),
    "true": (True, "Schema must have one of"),
    "any_items": ({"type": "array", "items": {}}, "Schema must have one of"),
    "one_of": ({"oneOf": [STRING], "type": "string"}, "Schema type 'oneOf' is not supported"),
    "not": ({"not": STRING, "type": "string"}, "Schema type 'not' is not supported"),
    "enum_of_lists": ({"enum": [["a"]]}, "Complex types within enums are not supported"),
    "const_object": ({"const": {}}, "Complex types within enums are not supported"),
    "format": (
        {"type": "string", "format": "uri-reference"},
        "For 'string' type, format 'uri-reference' is not supported",
    ),
    "lookahead": ({"type": "string", "pattern": "(?=a)"}, "Unsupported regex feature in pattern"),
    "backreference": ({"type": "string", "pattern": r"(a)\1"}, "Unsupported regex feature in patt"),
    "word_boundary": ({"type": "string", "pattern": r"\bcat"}, "Unsupported regex feature in patt"),
    "external": ({"$ref": "https://x/y.json"}, "External $ref 'https://x/y.json' is not supported"),
    "all_of_reference": ({"allOf": [{"$ref": "#/$defs/A"}]}, "'allOf' with '$ref' is not support"),
    "whole": ({"$ref": "#"}, "Circular reference detected in schema definitions: # -> #."),
}


@pytest.mark.parametrize(("schema", "message"), INVALID.values(), ids=INVALID)
def test_a_schema_outside_the_dialect_is_refused(schema: Any, message: str) -> None:
    """OpenAI's dialect has most of these."""
    found = error_of(with_property(schema))

    assert found is not None
    assert found[0] == 400
    assert found[1].startswith("tools.0.custom: ")
    assert message in found[1]


@pytest.mark.parametrize(
    "definitions",
    [
        {"Node": NODE},
        {"Node": {"$ref": "#/$defs/Other"}, "Other": {"$ref": "#/$defs/Node"}},
        {"Node": closed({"a": {"$ref": "#/$defs/Node/properties/a"}})},
        {"Node": {"$ref": "#"}},
    ],
    ids=["self", "mutual", "into_itself", "whole"],
)
def test_recursion_is_refused(definitions: dict[str, Any]) -> None:
    """A grammar of finite size cannot hold it."""
    found = error_of(with_property({"$ref": "#/$defs/Node"}, **{"$defs": definitions}))

    assert found is not None
    assert "tools.0.custom: Circular reference detected in schema definitions: " in found[1]


def test_twenty_strict_tools_are_the_most() -> None:
    """The others may go without."""
    tools = [strict_tool(closed({}), f"t{n}") for n in range(21)]

    assert error_of(body(tools=tools)) == (
        400,
        "Too many strict tools (21). The maximum number of strict tools supported is 20. Try "
        "reducing the number of tools marked as strict.",
    )


def test_optional_parameters_of_all_strict_tools_are_counted() -> None:
    """Nested ones too."""
    inner = closed({str(n): STRING for n in range(13)}, required=["0"])
    tools = [strict_tool(closed({"a": inner}), f"t{n}") for n in range(2)]
    tools.append(strict_tool(closed({"a": STRING}, required=[]), "last"))

    found = error_of(body(tools=tools))

    assert found is not None
    assert found[1].startswith("Schemas contains too many optional parameters (25), which would")


def test_union_parameters_of_all_strict_tools_and_the_answer_are_counted() -> None:
    """They cost most."""
    union = {"anyOf": [STRING, {"type": "null"}]}
    tools = [strict_tool(closed({str(n): NULLABLE for n in range(8)} | {"a": union}))]
    answer = closed({str(n): union for n in range(8)})

    found = error_of(
        body(tools=tools, output_config={"format": {"type": "json_schema", "schema": answer}})
    )

    assert found is not None
    assert found[1].startswith(
        "Schemas contains too many parameters with union types (17 parameters with type arrays or "
        "anyOf)."
    )


def test_the_format_of_the_answer_has_the_same_dialect() -> None:
    """Only the path differs."""
    schema = closed({"age": {"type": "integer", "minimum": 0}})

    assert error_of(body(output_config={"format": {"type": "json_schema", "schema": schema}})) == (
        400,
        "output_config.format.schema: For 'integer' type, property 'minimum' is not supported",
    )


def test_strict_is_a_boolean() -> None:
    """Null is no value of it."""
    found = error_of(body(tools=[{**strict_tool(closed({})), "strict": None}]))

    assert found == (400, "tools.0.custom.strict: Input should be a valid boolean")
