"""The dialect of JSON Schema in which a tool may be `strict`, and what to do outside of it. Pure.

livekit builds strict schemas for OpenAI, whose dialect is wider. The API compiles those of a
request into one grammar, and answers 400 to what it has no grammar for.
Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from .json_schema import Schema, nodes

# Keywords that are in the dialect whatever their value; of others it depends.
_ALWAYS = {"$ref", "$defs", "anyOf", "default", "description", "properties", "required", "title"}
_TYPED = ("type", "anyOf", "allOf", "$ref", "enum", "const")
_FORMATS = {
    *("date-time", "time", "date", "duration", "email"),
    *("hostname", "uri", "ipv4", "ipv6", "uuid"),
}
# Lookaround, word boundaries and references to groups have no grammar, and large counts none that
# is small enough.
_UNSUPPORTED_IN_A_PATTERN = re.compile(r"\(\?(?!:)|\\[1-9bBkpPAZz]|\{\d*,?\d{3,}")


def is_strict(schema: Schema) -> bool:
    """Whether *schema*, of draft 2020-12, is in the dialect."""
    return all(map(_has_a_grammar, nodes(schema))) and not _is_recursive(schema)


def _has_a_grammar(node: Schema) -> bool:
    if not any(key in node for key in _TYPED):  # anything at all
        return False
    if "object" in _types(node) and node.get("additionalProperties") is not False:
        return False
    # A schema that is no dict says nothing, or that nothing fits.
    parts = [*node.get("properties", {}).values(), *node.get("anyOf", ())]
    if not all(isinstance(part, dict) for part in parts):
        return False
    return all(key in _ALWAYS or _is_in_the_dialect(key, value) for key, value in node.items())


def _is_in_the_dialect(key: str, value: Any) -> bool:
    if key == "type":
        return True
    if key in ("enum", "const"):
        values = value if key == "enum" else [value]
        return not any(isinstance(choice, (dict, list)) for choice in values)
    if key == "additionalProperties":
        return value is False
    if key == "items":
        return isinstance(value, dict)
    if key == "minItems":
        return value in (0, 1)
    if key == "format":
        return value in _FORMATS
    if key == "pattern":
        return not _UNSUPPORTED_IN_A_PATTERN.search(value)
    if key == "allOf":
        return all(isinstance(part, dict) and "$ref" not in part for part in value)
    return False


def _types(node: Schema) -> list[str]:
    kind = node.get("type", "object" if "properties" in node else [])
    return kind if isinstance(kind, list) else [kind]


def _is_recursive(schema: Schema) -> bool:
    """Whether following references can go on for ever. Those to no definition are taken for it."""
    definitions = {f"#/$defs/{name}": part for name, part in schema.get("$defs", {}).items()}
    leads_to = {name: {*_references(part)} for name, part in definitions.items()}
    everything = {*_references({k: v for k, v in schema.items() if k != "$defs"})}
    if not everything.union(*leads_to.values()) <= leads_to.keys():
        return True
    while leads_to:
        ends = {name for name, targets in leads_to.items() if not targets}
        if not ends:
            return True
        leads_to = {name: t - ends for name, t in leads_to.items() if name not in ends}
    return False


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (node["$ref"] for node in nodes(part) if "$ref" in node)


_ANNOTATIONS = ("$comment", "deprecated", "examples", "readOnly", "writeOnly")


def without_annotations(schema: Schema) -> Schema:
    """A copy of *schema* without what is not in the dialect and limits nothing."""
    copy = deepcopy(schema)
    for node in [*nodes(copy)]:
        if "examples" in node:
            shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in node["examples"])
            words = (node.get("description"), f"For example: {shown}.")
            node["description"] = "\n\n".join(filter(None, words))
        for key in [key for key in node if key in _ANNOTATIONS or key.startswith("x-")]:
            del node[key]
    return copy


# --- limits in words ------------------------------------------------------------------------------

_IN_WORDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "of the pattern {}",
    "format": "of the format {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} keys",
    "maxProperties": "at most {} keys",
}


def with_limits_in_words(schema: Schema) -> Schema:
    """A copy of *schema* whose descriptions say the limits of arguments.

    The limits themselves stay: where nothing is compiled, all of JSON Schema may be sent.
    """
    copy = deepcopy(schema)
    for node in nodes(copy):
        for part in (*node.get("properties", {}).values(), *node.get("$defs", {}).values()):
            limits = ", ".join(dict.fromkeys(_limits(part)))
            if limits:
                words = (part.get("description"), f"Limits: {limits}.")
                part["description"] = "\n\n".join(filter(None, words))
    return copy


def _limits(part: Any) -> Iterator[str]:
    """The limits of a value of *part*, however it is put together, in words."""
    if not isinstance(part, dict):
        return
    for key, words in _IN_WORDS.items():
        if key in part:
            yield words.format(part[key])
    if part.get("uniqueItems"):
        yield "no item twice"
    for key in ("anyOf", "oneOf", "allOf"):
        for choice in part.get(key, ()):
            yield from _limits(choice)
    yield from (f"each {limit}" for limit in _limits(part.get("items")))


# --- what the API says ----------------------------------------------------------------------------

# Sources: the page above, "Schema complexity limits" and "JSON Schema limitations"; what users of
# the API quote, such as anthropics/anthropic-sdk-python issues 1094 and 1185. The last one is what
# a platform says that does not know `strict`.
TOO_COMPLEX = re.compile(
    r"too complex for compilation|compiled grammar is too large|grammar compilation"
    r"|too many (?:strict tools|optional parameters|parameters with union)"
    r"|For '\w+' type, |Schema type '\w+'|'minItems' values|Complex types within enums"
    r"|Circular reference|External \$ref|'allOf' with '\$ref'|Unsupported regex feature"
    r"|\.strict: Extra inputs are not permitted",
    re.IGNORECASE | re.MULTILINE,
)
"""What it says of strict tools, and of nothing else: without `strict` they may be taken."""
