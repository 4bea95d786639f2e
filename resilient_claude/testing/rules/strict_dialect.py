"""The dialect of JSON Schema for `strict: true` and `output_config.format`. Pure: no I/O.

Source of the rules: platform.claude.com, "Structured outputs", "JSON Schema limitations" and
"Schema complexity limits". The page says "a 400 error with details"; the wordings are those that
users of the API quote, and `Assumed` where none was found. That a compiled grammar is too large
cannot be foreseen: script an `HttpError` for it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .shapes import InvalidRequestError
from .tool_schemas import nodes

MAX_STRICT_TOOLS = 20
MAX_OPTIONAL = 24
MAX_UNIONS = 16
# The same list is `SupportedStringFormats` in the anthropic SDK, lib/_parse/_transform.py.
_FORMATS = (
    *("date-time", "time", "date", "duration", "email"),
    *("hostname", "uri", "ipv4", "ipv6", "uuid"),
)
_TYPES_OF_SCHEMAS = ("oneOf", "not", "if", "then", "else")
# By the type that they constrain. The page names the lengths; that the API lets some pass has been
# reported, but is not documented.
_UNSUPPORTED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": (
        *("maxItems", "uniqueItems", "prefixItems", "unevaluatedItems"),
        *("contains", "minContains", "maxContains"),
    ),
    "object": (
        *("minProperties", "maxProperties", "propertyNames", "patternProperties"),
        *("dependentRequired", "dependentSchemas", "unevaluatedProperties"),
    ),
}
# Backreferences, lookaround and word boundaries, unless their backslash is itself escaped.
_REGEX = re.compile(r"\(\?(?:[=!]|<[=!])|(?<!\\)(?:\\\\)*\\(?:[1-9bB]|k<)")
_SAYS_WHAT_IT_IS = ("type", "anyOf", "allOf", "$ref", "enum", "const")


def check_strict_schema(schema: dict[str, Any], path: str) -> None:
    """Check that *schema*, which is valid JSON Schema, is in the dialect."""
    for node in nodes(schema):
        _check_node(node, path)
    _check_recursion(schema, path)


def check_strict_limits(schemas: Iterable[dict[str, Any]], strict_tools: int) -> None:
    """Check what all strict *schemas* of a request together may have."""
    if strict_tools > MAX_STRICT_TOOLS:
        raise InvalidRequestError(
            f"Too many strict tools ({strict_tools}). The maximum number of strict tools supported "
            f"is {MAX_STRICT_TOOLS}. Try reducing the number of tools marked as strict."
        )
    # Assumed: what a `$ref` leads to counts once, where it is defined.
    found = [node for schema in schemas for node in nodes(schema) if isinstance(node, dict)]
    optional = sum(len(set(node.get("properties", ())) - _required(node)) for node in found)
    if optional > MAX_OPTIONAL:
        raise InvalidRequestError(
            f"Schemas contains too many optional parameters ({optional}), which would make grammar "
            "compilation inefficient. Reduce the number of optional parameters in your tool "
            f"schemas (limit: {MAX_OPTIONAL})."
        )
    unions = sum("anyOf" in node or isinstance(node.get("type"), list) for node in found)
    if unions > MAX_UNIONS:
        raise InvalidRequestError(
            f"Schemas contains too many parameters with union types ({unions} parameters with type "
            "arrays or anyOf). This causes exponential compilation cost. Reduce the number of "
            f"nullable or union-typed parameters (limit: {MAX_UNIONS} parameters with unions)."
        )


def _required(node: dict[str, Any]) -> set[str]:
    return set(node.get("required") or ())


def _check_node(node: object, path: str) -> None:
    # Assumed wording. Source of the rule: `transform_schema` of the anthropic SDK, which refuses a
    # schema without any of these; and an object that may be anything is not closed.
    if not isinstance(node, dict) or not any(key in node for key in _SAYS_WHAT_IT_IS):
        if node is False:
            return  # of `additionalProperties`
        raise InvalidRequestError(f"{path}: Schema must have one of {', '.join(_SAYS_WHAT_IT_IS)}")
    for key in _TYPES_OF_SCHEMAS:
        if key in node:
            raise InvalidRequestError(f"{path}: Schema type '{key}' is not supported")
    _check_keywords(node, path)
    _check_values(node, path)
    _check_references(node, path)
    is_object = "object" in _types(node) or "properties" in node
    if is_object and node.get("additionalProperties") is not False:
        raise InvalidRequestError(
            f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )


def _check_keywords(node: dict[str, Any], path: str) -> None:
    types = _types(node)
    for kind, keywords in _UNSUPPORTED.items():
        used = sorted(key for key in keywords if key in node)
        if used:
            shown = "number" if kind == "integer" and "number" in types else kind
            words = "property '{}' is" if len(used) == 1 else "properties {} are"
            words = words.format(", ".join(used))
            raise InvalidRequestError(f"{path}: For '{shown}' type, {words} not supported")
    if node.get("minItems", 0) not in (0, 1):
        raise InvalidRequestError(
            f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        )


def _check_values(node: dict[str, Any], path: str) -> None:
    values = [*node.get("enum", ()), node.get("const")]
    if any(isinstance(value, dict | list) for value in values):
        # Assumed wording.
        raise InvalidRequestError(f"{path}: Complex types within enums are not supported")
    # Assumed: a format says nothing of other types than strings.
    is_text = "string" in _types(node) or "type" not in node
    if is_text and node.get("format", _FORMATS[0]) not in _FORMATS:
        # Assumed wording.
        raise InvalidRequestError(
            f"{path}: For 'string' type, format '{node['format']}' is not supported"
        )
    if _REGEX.search(node.get("pattern", "")):
        raise InvalidRequestError(
            f"{path}: Unsupported regex feature in pattern field: {node['pattern']}"
        )


def _check_references(node: dict[str, Any], path: str) -> None:
    # Assumed wordings.
    if not node.get("$ref", "#").startswith("#"):
        raise InvalidRequestError(f"{path}: External $ref '{node['$ref']}' is not supported")
    if any(isinstance(part, dict) and "$ref" in part for part in node.get("allOf", ())):
        raise InvalidRequestError(f"{path}: 'allOf' with '$ref' is not supported")


def _types(node: dict[str, Any]) -> list[str]:
    found = node.get("type", [])
    return found if isinstance(found, list) else [found]


def _check_recursion(schema: dict[str, Any], path: str) -> None:
    """Refuse a definition that leads back to itself, and a reference to the whole.

    A reference into a definition leads to the definition. Any other one is Assumed to lead to the
    whole schema, which holds the reference.
    """
    graph = {
        f"#/{table}/{name.replace('~', '~0').replace('/', '~1')}": set(_references(definition))
        for table in ("$defs", "definitions")
        for name, definition in schema.get(table, {}).items()
    }
    rest = {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
    graph["#"] = set(_references(rest))
    for start in graph:
        seen: set[str] = set()
        waiting = [*graph[start]]
        while waiting:
            target = waiting.pop()
            if target == start:
                name = start.rpartition("/")[2]
                raise InvalidRequestError(
                    f"{path}: Circular reference detected in schema definitions: {name} -> {name}. "
                    "Self-referencing or mutually-referencing definitions are not supported."
                )
            if target not in seen:
                seen.add(target)
                waiting += graph.get(target, ())


def _references(schema: object) -> Iterator[str]:
    for node in nodes(schema):
        reference = node.get("$ref") if isinstance(node, dict) else None
        if isinstance(reference, str):
            parts = reference.split("/")
            is_definition = len(parts) > 2 and parts[1] in ("$defs", "definitions")
            yield "/".join(parts[:3]) if is_definition else "#"
