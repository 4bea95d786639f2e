"""JSON Schema of any age and origin, made into what the API takes: draft 2020-12. Pure.

Schemas come from other people's servers: of draft-04, of OpenAPI, of Gemini's dialect, or written
by hand. The API looks at all of them before it looks at a request, and one value that the draft
does not allow is a 400 for every turn. So each keyword has a rule here, which says what may stand
under it, and what is made of that. What has no rule means nothing to the draft and may stay, and
what a rule makes nothing of is left out: a tool with one limit less is a tool, and the agent checks
the arguments again.

A schema in which everything is right comes out as it went in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

_OTHER_NAMES = {
    **dict.fromkeys(("int", "int32", "int64", "long"), "integer"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **dict.fromkeys(("str", "text"), "string"),
    "bool": "boolean",
    **dict.fromkeys(("list", "tuple"), "array"),
    **dict.fromkeys(("dict", "map"), "object"),
    **dict.fromkeys(("none", "nil"), "null"),
}

_LEFT_OUT: Final = object()
"""What a rule returns if it makes nothing of a value."""

_OLD_REFERENCE = re.compile(r"^#/definitions/")

_MAPS = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLES = (
    *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)


def modernised(schema: Any) -> Schema:
    """*schema* as one of draft 2020-12; whatever it is, something comes of it.

    Raises:
        RecursionError: It is too deep.
    """
    made = _schema(schema)
    if not isinstance(made, dict):
        return {}
    moved = made.pop("definitions", None)
    if moved:
        made["$defs"] = {**moved, **made.get("$defs", {})}
        for node in nodes(made):
            if "$ref" in node:
                node["$ref"] = _OLD_REFERENCE.sub("#/$defs/", node["$ref"])
    return made


def drop_dead_references(root: Schema) -> None:
    """Leave out of *root* what leads nowhere: to another document, or past the end of this one."""
    for node in nodes(root):
        if "$ref" in node and _target(node["$ref"], root) is _LEFT_OUT:
            del node["$ref"]


def resolved(schema: Schema, root: Schema) -> Schema:
    """What *schema*, a part of *root*, refers to, and what stands beside the reference."""
    seen: set[str] = set()
    while (ref := schema.get("$ref")) is not None:
        target = _target(ref, root) if ref not in seen else None
        seen.add(ref)
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**(target if isinstance(target, dict) else {}), **rest}
    return schema


def nodes(root: Schema) -> Iterator[Schema]:
    """*root* and all schemas within it that say something."""
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += _children(node)


def _children(node: Schema) -> Iterator[Any]:
    """The schemas directly within *node*, wherever the draft has one."""
    yield from (node[key] for key in _SINGLES if key in node)
    for key in _MAPS:
        yield from node.get(key, {}).values()
    for key in _LISTS:
        yield from node.get(key, ())


def _target(ref: str, root: Schema) -> Any:
    """The part of *root* that the JSON pointer *ref* names."""
    if not ref.startswith("#"):
        return _LEFT_OUT
    found: Any = root
    for step in ref[1:].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isascii() and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return _LEFT_OUT
    return found if isinstance(found, (dict, bool)) and ref[1:2] in ("", "/") else _LEFT_OUT


# --- rules ----------------------------------------------------------------------------------------


def _schema(value: Any) -> Any:
    """The schema that *value* is or means; one that allows everything if it means none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):  # written by hand: {"city": "string"}
        kind = _type(value)
        return {} if kind is _LEFT_OUT else {"type": kind}
    if not isinstance(value, dict):
        return {}
    made = {
        key: ruled
        for key, given in _of_older_drafts(value).items()
        if (ruled := _RULES[key](given) if key in _RULES else given) is not _LEFT_OUT
    }
    if value.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    return made


def _of_older_drafts(schema: Schema) -> Schema:
    """*schema* with the keywords of draft 2020-12, where older ones had others."""
    # Of the base that references start from and of the draft. References that need it are left out.
    made = {
        key: value
        for key, value in schema.items()
        if key not in ("$schema", "$id", "nullable") and not (key == "id" and type(value) is str)
    }
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(exclusive), bool):  # draft-04
            is_exclusive = made.pop(exclusive)
            if is_exclusive and inclusive in made:
                made[exclusive] = made.pop(inclusive)
    if isinstance(made.get("items"), list):  # up to 2019-09
        made["prefixItems"] = made.pop("items")
        if "additionalItems" in made:
            made["items"] = made.pop("additionalItems")
    for name, needed in _object(made.pop("dependencies", None)).items():  # up to draft-07
        key = "dependentRequired" if isinstance(needed, list) else "dependentSchemas"
        made[key] = {**_object(made.get(key)), name: needed}
    properties = made.get("properties")
    if isinstance(properties, dict):  # draft-03 said so in the property itself
        needed = [
            name
            for name, part in properties.items()
            if isinstance(part, dict) and part.get("required") is True
        ]
        if needed:
            listed = made.get("required")
            made["required"] = [*(listed if isinstance(listed, list) else ()), *needed]
    return made


def _object(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


def _type(value: Any) -> Any:
    if isinstance(value, list):
        found = ("null" if kind is None else _type(kind) for kind in value)
        types = [*dict.fromkeys(kind for kind in found if isinstance(kind, str))]
        # As it was if that is right, or else as little of a list as it can be.
        if len(types) < 2 and len(types) < len(value):
            return types[0] if types else _LEFT_OUT
        return types or _LEFT_OUT
    if not isinstance(value, str):
        return _LEFT_OUT
    kind = value.lower()
    kind = _OTHER_NAMES.get(kind, kind)
    return kind if kind in _TYPES else _LEFT_OUT


def _number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _LEFT_OUT
        value = int(value) if isfinite(value) and value == int(value) else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        return _LEFT_OUT
    return value


def _step(value: Any) -> Any:
    number = _number(value)
    return number if number is not _LEFT_OUT and number > 0 else _LEFT_OUT


def _count(value: Any) -> Any:
    number = _number(value)
    return number if number is not _LEFT_OUT and number >= 0 == number % 1 else _LEFT_OUT


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else _LEFT_OUT


def _words(value: Any) -> Any:
    """A text for people: what is none can still be shown."""
    return _LEFT_OUT if value is None or isinstance(value, bool) else str(value)


def _flag(value: Any) -> Any:
    return value if isinstance(value, bool) else _LEFT_OUT


def _filled_list(value: Any) -> Any:
    return value if isinstance(value, list) and value else _LEFT_OUT


def _names(value: Any) -> Any:
    if not isinstance(value, list):
        return _LEFT_OUT
    return [*dict.fromkeys(name for name in value if isinstance(name, str))]


def _map_of(rule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def ruled(value: Any) -> Any:
        if not isinstance(value, dict):
            return _LEFT_OUT
        made = ((key, rule(part)) for key, part in value.items())
        return {key: part for key, part in made if part is not _LEFT_OUT}

    return ruled


def _schemas(value: Any) -> Any:
    return [*map(_schema, value)] if isinstance(value, list) and value else _LEFT_OUT


def _allowed(value: Any) -> Any:
    """What else an object may hold. Null, as elsewhere, is as if it was not there."""
    return _schema(value) if isinstance(value, (bool, dict)) else _LEFT_OUT


_RULES: dict[str, Callable[[Any], Any]] = {
    "type": _type,
    "enum": _filled_list,
    "required": _names,
    "dependentRequired": _map_of(_names),
    "multipleOf": _step,
    **dict.fromkeys(_MAPS, _map_of(_schema)),
    **dict.fromkeys(_LISTS, _schemas),
    **dict.fromkeys(_SINGLES, _schema),
    "additionalProperties": _allowed,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _count),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), _count),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), _flag),
    **dict.fromkeys(("$anchor", "$dynamicAnchor", "$dynamicRef", "$ref", "pattern"), _text),
    **dict.fromkeys(("contentEncoding", "contentMediaType", "format"), _text),
    **dict.fromkeys(("$comment", "description", "title"), _words),
    "examples": _filled_list,
}
