"""Schemas of any age and origin, as draft 2020-12."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from resilient_claude.request.tools.json_schema import drop_dead_references, modernised, resolved

MODERN: dict[str, Any] = {
    "type": "object",
    "title": "Order",
    "description": "d",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "type": {"enum": ["a", None, 1]},
        "required": {"type": ["string", "null"], "pattern": "^a$", "minLength": 0},
        "point": {"type": "array", "prefixItems": [{"type": "number"}, True], "items": False},
        "n": {"type": "integer", "exclusiveMinimum": 0, "maximum": 5, "multipleOf": 0.5},
        "free": {"type": "object", "additionalProperties": {"type": "string"}},
        "tree": {"$ref": "#/$defs/Tree"},
        "x": {"anyOf": [{"const": {}}, {"not": {"type": "null"}}], "default": None},
    },
    "required": ["id", "type"],
    "dependentRequired": {"id": ["n"]},
    "additionalProperties": False,
    "$defs": {"Tree": {"type": "object", "properties": {"sub": {"$ref": "#/$defs/Tree"}}}},
    "x-order": 1,
}


def test_what_is_right_stays_as_it_is() -> None:
    """A property may have the name of a keyword."""
    before = copy.deepcopy(MODERN)

    made = modernised(MODERN)
    drop_dead_references(made)

    assert made == MODERN == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # draft-03 and draft-04
        ({"exclusiveMinimum": True, "minimum": 1}, {"exclusiveMinimum": 1}),
        ({"exclusiveMaximum": False, "maximum": 1}, {"maximum": 1}),
        ({"exclusiveMinimum": True}, {}),
        ({"id": "http://x/y#", "$schema": "http://json-schema.org/draft-04/schema#"}, {}),
        ({"properties": {"id": {"type": "string"}}}, {"properties": {"id": {"type": "string"}}}),
        (
            {"properties": {"a": {"required": True}, "b": {"required": False}}},
            {"properties": {"a": {}, "b": {}}, "required": ["a"]},
        ),
        ({"type": "any"}, {}),
        # up to 2019-09
        ({"items": [{"type": "int"}]}, {"prefixItems": [{"type": "integer"}]}),
        ({"items": [{}], "additionalItems": False}, {"prefixItems": [{}], "items": False}),
        (
            {"dependencies": {"a": ["b"], "c": {"required": ["d"]}}},
            {
                "dependentRequired": {"a": ["b"]},
                "dependentSchemas": {"c": {"required": ["d"]}},
            },
        ),
        (
            {
                "definitions": {"A": {"type": "STRING"}},
                "items": {"$ref": "#/definitions/A"},
            },
            {"$defs": {"A": {"type": "string"}}, "items": {"$ref": "#/$defs/A"}},
        ),
        # OpenAPI, Gemini, and by hand
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "STRING", "nullable": True, "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"properties": {"a": "str", "b": "nonsense", "c": None}},
            {"properties": {"a": {"type": "string"}, "b": {}, "c": {}}},
        ),
        ({"type": None}, {}),
        ({"type": ["string", None]}, {"type": ["string", "null"]}),
        ({"type": ["string", "what"]}, {"type": "string"}),
        ({"type": []}, {}),
        ({"type": 5}, {}),
        (
            {"minimum": "5", "maximum": "x", "minLength": -1, "maxLength": 1.5, "multipleOf": 0},
            {"minimum": 5},
        ),
        ({"minItems": "2.5", "maxItems": True, "maximum": float("inf")}, {}),
        ({"required": True}, {}),
        ({"required": ["a", "a", 1]}, {"required": ["a"]}),
        ({"enum": [], "anyOf": [], "allOf": {}}, {}),
        ({"examples": "x", "pattern": 1, "description": None, "title": 3}, {"title": "3"}),
        ({"properties": [], "additionalProperties": None, "uniqueItems": "yes"}, {}),
    ],
)
def test_what_is_old_or_wrong_is_made_right(old: dict[str, Any], new: dict[str, Any]) -> None:
    """One of these in one tool, and the API rejects every turn."""
    assert modernised(old) == new


@pytest.mark.parametrize("nothing", [None, True, [], 3, "what"])
def test_what_is_no_schema_is_one_that_says_nothing(nothing: Any) -> None:
    """Whatever it is."""
    assert modernised(nothing) == {}


@pytest.mark.parametrize(
    ("ref", "stays"),
    [
        ("#/$defs/A~1b", True),
        ("#/properties/list/anyOf/1", True),
        ("#", True),
        ("#/$defs/B", False),
        ("#/properties/list/anyOf/2", False),
        ("#/properties/list/anyOf", False),
        ("#anchor", False),
        ("https://example.com/a.json", False),
    ],
)
def test_a_reference_that_leads_nowhere_is_left_out(ref: str, stays: bool) -> None:
    """The argument then takes anything, and the tool stays."""
    schema: dict[str, Any] = {
        "$defs": {"A/b": {}},
        "properties": {"list": {"anyOf": [{}, {"type": "null"}]}, "x": {"$ref": ref, "title": "X"}},
    }

    drop_dead_references(schema)

    assert schema["properties"]["x"] == ({"$ref": ref, "title": "X"} if stays else {"title": "X"})


def test_references_are_followed_to_their_end() -> None:
    """What stands beside a reference counts more than what it leads to; a circle ends."""
    root: dict[str, Any] = {
        "$defs": {
            "A": {"$ref": "#/$defs/B", "title": "A"},
            "B": {"title": "B", "type": "object"},
            "C": {"$ref": "#/$defs/D", "title": "C"},
            "D": {"$ref": "#/$defs/C"},
        }
    }

    assert resolved({"$ref": "#/$defs/A"}, root) == {"title": "A", "type": "object"}
    assert resolved({"$ref": "#/$defs/C"}, root) == {"title": "C"}
    assert resolved({"$ref": "#/$defs/E", "type": "object"}, root) == {"type": "object"}
