"""The parameters of a tool as an `input_schema`: one object, without alternatives. Pure.

The API wants more of the top level than of what is below it: `type` is "object", there is no
`anyOf`, `oneOf` or `allOf`, and names of properties are of few characters.
Source: the API's own words, "input_schema does not support oneOf, allOf, or anyOf at the top
level" and "Property keys should match pattern".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from .json_schema import Schema, drop_dead_references, modernised, resolved
from .names import api_key


class NoInputSchemaError(ValueError):
    """No `input_schema` can be made of a tool's parameters; the message says why."""


class InputSchema(NamedTuple):
    """What a tool takes.

    Attributes:
        schema: The `input_schema`.
        keys: What those arguments are called that have another name in it, by that name.
        words: What the schema cannot say, for the tool's description; mostly empty.
    """

    schema: Schema
    keys: Mapping[str, str]
    words: str


def input_schema(parameters: Any) -> InputSchema:
    """What the API can be told of *parameters*, a JSON Schema by a tool's own account.

    Raises:
        NoInputSchemaError: No object fits it.
        RecursionError: It is too deep.
    """
    if parameters is not None and not isinstance(parameters, (dict, bool)):
        raise NoInputSchemaError("its parameters are no JSON schema")
    root = modernised(parameters)
    top = resolved(root, root)
    kind = top.get("type", "object")
    if "object" not in (kind if isinstance(kind, list) else [kind]):
        raise NoInputSchemaError(f"it takes {kind}, and not an object")
    top, words = _without_alternatives({**top, "type": "object"}, root)
    top, keys = _with_plain_keys(top)
    drop_dead_references(top)
    return InputSchema(top, keys, words)


def _without_alternatives(top: Schema, root: Schema) -> tuple[Schema, str]:
    """*top* with all properties that any alternative has; what each of them needs, in words."""
    if not any(key in top for key in ("allOf", "anyOf", "oneOf")):
        return top, ""
    top = {**top, "properties": {**top.get("properties", {})}}
    required = [*top.get("required", ())]
    for part in _branches(top.pop("allOf", ()), root):
        _merge(part, top["properties"])
        required += part.get("required", ())
    sentences: list[str] = []
    for key in ("anyOf", "oneOf"):
        branches = _branches(top.pop(key, ()), root)
        for part in branches:
            _merge(part, top["properties"])
        needs = [part.get("required", []) for part in branches]
        if not needs:
            continue
        required += [name for name in needs[0] if all(name in others for others in needs)]
        choices = [_listed([n for n in names if n not in required]) for names in needs]
        if len(choices) > 1 and any(choices):
            sentences.append("Give " + ", or ".join(c or "none of these" for c in choices) + ".")
    if required:
        top["required"] = [*dict.fromkeys(required)]
    return top, " ".join(sentences)


def _branches(alternatives: Any, root: Schema) -> list[Schema]:
    """Those of *alternatives* that objects fit, with the alternatives within them merged."""
    found = []
    for part in alternatives:
        branch = resolved(part, root) if isinstance(part, dict) else {}
        if branch.get("type", "object") in ("object", ["object"]):
            found.append(_without_alternatives(branch, root)[0])
    return found


def _merge(part: Schema, properties: dict[str, Any]) -> None:
    for name, schema in part.get("properties", {}).items():
        known = properties.get(name)
        if known is None:
            properties[name] = schema
        elif known != schema:
            several = known["anyOf"] if _is_union(known) else [known]
            if schema not in several:
                properties[name] = {"anyOf": [*several, schema]}


def _is_union(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.keys() == {"anyOf"}


def _listed(names: list[str]) -> str:
    return " and ".join(json.dumps(name, ensure_ascii=False) for name in names)


def _with_plain_keys(top: Schema) -> tuple[Schema, Mapping[str, str]]:
    """*top* with names of properties that the API takes, and what they are called otherwise."""
    properties = top.get("properties", {})
    new = {name: api_key(name) for name in properties}
    keys = {key: name for name, key in new.items() if key != name}
    if not keys:
        return top, {}
    top = {**top, "properties": {new[name]: part for name, part in properties.items()}}
    for key, name in keys.items():
        part = top["properties"][key]
        if isinstance(part, dict):  # the new name may tell Claude little
            top["properties"][key] = {"title": name, **part}
    if "required" in top:
        top["required"] = [new.get(name, name) for name in top["required"]]
    for key in ("dependentRequired", "dependentSchemas"):
        top.pop(key, None)  # they name the properties again, also within schemas
    return top, keys
