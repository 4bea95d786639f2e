"""The rules for the `input_schema` of any tool. Pure: no I/O.

The API takes JSON Schema, draft 2020-12 ("Create a Message", `tools.input_schema`), but not at the
top level of a tool: there it wants one object without alternatives, with names that can be keys of
`input`. One tool that breaks a rule fails the whole request.

What is checked is what the draft's meta-schema says of each keyword's value. A keyword that the
draft does not know is allowed by it: so is draft-04's `id`, but not its `exclusiveMinimum: true`,
nor the list of `items` that was a tuple up to 2019-09. Whether a `$ref` leads anywhere is not
looked at.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from .shapes import InvalidRequestError, check_choice, join, require

# Source of the wordings: answers of the API that anthropics/claude-code's issues quote.
_INVALID = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12 "
    "(https://json-schema.org/draft/2020-12). Learn more about tool use at "
    "https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview."
)
_COMBINATORS = ("oneOf", "allOf", "anyOf")
_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
MAPS = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
SINGLES = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)


def check_input_schema(schema: dict[str, Any], path: str) -> None:
    """Check the `input_schema` of a tool, strict or not."""
    check_choice(require(schema, "type", path), ("object",), join(path, "type"))
    if any(key in schema for key in _COMBINATORS):
        raise InvalidRequestError(
            f"{path}: input_schema does not support oneOf, allOf, or anyOf at the top level"
        )
    # The SDK types both as Optional, at the top level only.
    given = {
        key: value
        for key, value in schema.items()
        if value is not None or key not in ("properties", "required")
    }
    check_schema(given, path)
    # Keys of nested objects are not looked at. Source: what users of the API have measured, such as
    # aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws, issue 709.
    if not all(map(_KEY.fullmatch, given.get("properties", {}))):
        raise InvalidRequestError(
            f"{path}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'"
        )


def check_schema(schema: dict[str, Any], path: str) -> None:
    """Check that *schema* is JSON Schema, draft 2020-12."""
    if not all(map(_is_valid_node, nodes(schema))):
        raise InvalidRequestError(f"{path}: {_INVALID}")


def nodes(schema: object) -> Iterator[object]:
    """Yield *schema* and every schema within it, without recursion."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, dict):
            waiting += children(node)


def children(node: dict[str, Any]) -> list[object]:
    """The schemas directly within *node*, wherever the draft has one."""
    found: list[object] = [node[key] for key in SINGLES if key in node]
    for key in MAPS:
        if isinstance(node.get(key), dict):
            found += node[key].values()
    for key in LISTS:
        if isinstance(node.get(key), list):
            found += node[key]
    return found


def is_number(value: object) -> bool:
    """Tell whether *value* is a number of JSON, which a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_valid_node(node: object) -> bool:
    if isinstance(node, bool):
        return True
    if not isinstance(node, dict):
        return False
    return all(_VALUES[key](value) for key, value in node.items() if key in _VALUES)


def _is_count(value: object) -> bool:
    return is_number(value) and value >= 0 and value == int(value)  # type: ignore[operator, call-overload]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_filled_list(value: object) -> bool:
    return isinstance(value, list) and bool(value)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(value) == len(set(value))


def _is_type(value: object) -> bool:
    if isinstance(value, str):
        return value in TYPES
    return _are_names(value) and _is_filled_list(value) and set(value) <= set(TYPES)  # type: ignore[call-overload]


def _are_lists_of_names(value: object) -> bool:
    return isinstance(value, dict) and all(map(_are_names, value.values()))


def _is_step(value: object) -> bool:
    return is_number(value) and value > 0  # type: ignore[operator]


def _is_id(value: object) -> bool:
    return isinstance(value, str) and "#" not in value[:-1]


# What the value of a keyword must be; of those that hold schemas, only the container: the schemas
# are nodes of their own. Source: the meta-schema of draft 2020-12.
_VALUES: dict[str, Callable[[object], bool]] = {
    "$id": _is_id,
    "dependentRequired": _are_lists_of_names,
    "enum": _is_list,
    "examples": _is_list,
    "multipleOf": _is_step,
    "required": _are_names,
    "type": _is_type,
    **dict.fromkeys(MAPS, _is_map),
    **dict.fromkeys(LISTS, _is_filled_list),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_count),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), _is_count),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), _is_flag),
    **dict.fromkeys(("$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$ref"), _is_text),
    **dict.fromkeys(("$schema", "contentEncoding", "contentMediaType", "description"), _is_text),
    **dict.fromkeys(("format", "pattern", "title"), _is_text),
}
