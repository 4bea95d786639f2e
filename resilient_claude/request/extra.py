"""`extra_kwargs`, taken apart the way the SDK takes its arguments apart. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .argument_checks import HEADER_NAME
from .encoding import ENCODER
from .given import is_absent, is_number
from .model_facts import SAMPLING

# Source: anthropic/resources/messages/messages.py, `create`: arguments that travel as headers.
_HEADER_ARGUMENTS = {
    "user_profile_id": "anthropic-user-profile-id",
    "workspace_id": "anthropic-workspace-id",
}
# Arguments of the constructor that the API calls otherwise, or has none of.
_NOT_OF_THE_API = {
    "effort": 'give output_config={"effort": ...}',
    "user": 'give metadata={"user_id": ...}',
    "caching": "give it to the constructor or to update_options()",
    "progress": "give it to the constructor",
    "model_like": "give it to the constructor or to update_options(), with its model",
}


@dataclass(frozen=True, slots=True)
class Extra:
    """`extra_kwargs`, taken apart the way the SDK's `create()` takes its arguments apart.

    Attributes:
        fields: Fields of the body, without the sampling arguments given outside `extra_body`.
        body_only: Those of `extra_body` alone, which the SDK puts last.
        sampling: The sampling arguments given outside `extra_body`.
        headers: Those of `extra_headers`, and the arguments that travel as headers.
        query: Parameters in the URL.
        betas: The features asked for by `betas`, which become one header.
        timeout_s: How long each attempt of this call may wait for content, seconds; None for no
            such bound.
        no_timeout: Why there is no `timeout_s` although one was given.
    """

    fields: dict[str, Any] = field(repr=False)
    body_only: tuple[str, ...]
    sampling: dict[str, Any]
    headers: dict[str, str] = field(repr=False)
    query: dict[str, object] = field(repr=False)
    betas: tuple[str, ...]
    timeout_s: float | None
    no_timeout: str | None

    @classmethod
    def of(cls, extra_kwargs: Mapping[str, Any]) -> Extra:
        """Take *extra_kwargs* apart.

        Raises:
            TypeError: one of them has the wrong type.
            ValueError: one of them has a value that cannot be sent.
        """
        if not extra_kwargs:
            return NOTHING
        if not isinstance(extra_kwargs, Mapping):
            raise TypeError(f"extra_kwargs must be a mapping, got {type(extra_kwargs).__name__}")
        extra = {key: value for key, value in extra_kwargs.items() if not is_absent(value)}
        for key in _NOT_OF_THE_API.keys() & extra.keys():
            where = f"which is no argument of messages.create: {_NOT_OF_THE_API[key]}"
            raise TypeError(f"extra_kwargs must not have {key!r}, {where}")
        headers = {
            _HEADER_ARGUMENTS[key]: extra.pop(key) for key in _HEADER_ARGUMENTS & extra.keys()
        }
        headers = overridden(_checked(headers), _checked(_popped_mapping(extra, "extra_headers")))
        query = _popped_mapping(extra, "extra_query")
        extra_body = _popped_mapping(extra, "extra_body")
        for key in extra_body:
            if not isinstance(key, str):
                raise TypeError(f"extra_body must have strings for keys, got {key!r}")
        betas = _popped_betas(extra)
        timeout = extra.pop("timeout", None)
        no_timeout = None
        if timeout is not None and not is_number(timeout):
            no_timeout = f"ignored: must be a number of seconds, got {type(timeout).__name__}"
            timeout = None
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be > 0, got {timeout!r}")
        sampling = {name: extra.pop(name) for name in SAMPLING if name in extra}
        fields = {name: _plain(name, value) for name, value in (extra | extra_body).items()}
        _check_fields(fields)
        last = tuple(key for key in extra_body if key not in extra)
        return cls(fields, last, sampling, headers, query, betas, timeout, no_timeout)


NOTHING = Extra({}, (), {}, {}, {}, (), None, None)
"""That of most turns: nobody may change it."""


def _check_fields(fields: Mapping[str, Any]) -> None:
    """Check those of which the rest of the request depends.

    Raises:
        TypeError: one of them has the wrong type.
        ValueError: one of them has a value that cannot be sent.
    """
    if fields.get("stream", True) is not True:
        raise ValueError("stream must stay true: only streams are read here")
    if not isinstance(fields.get("model", ""), str):
        raise TypeError(f"model must be a string, got {type(fields['model']).__name__}")
    if fields.get("model") == "":
        raise ValueError("model must not be empty: leave it out for the adapter's own")
    if not isinstance(fields.get("metadata", {}), Mapping):
        raise TypeError(f"metadata must be a dict, got {type(fields['metadata']).__name__}")


def _plain(name: str, value: Any) -> Any:
    """*value* as JSON has it: what the SDK takes besides (its own models, iterators) is read once.

    Raises:
        TypeError: It is not JSON.
    """
    if isinstance(value, (str, int, float)):
        return value
    try:
        return json.loads(ENCODER.encode(value))
    except (TypeError, ValueError, RecursionError) as exc:
        hint = ": objects go into the agent's tools" if name == "tools" else ""
        raise TypeError(f"{name} cannot be sent as JSON{hint}") from exc


def _checked(headers: Mapping[str, Any]) -> Mapping[str, str]:
    """*headers*, if they can be sent. No message shows a value, which may be a secret."""
    for name, value in headers.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            raise ValueError(f"extra_headers has a name that no header has: {name!r}")
        if not isinstance(value, str):
            raise TypeError(f"the header {name} must be a str, got {type(value).__name__}")
        bad = _NOT_IN_A_HEADER.search(value)
        if bad is not None:
            raise ValueError(
                f"the header {name} has a character that no header has, U+{ord(bad[0]):04X} at"
                f" position {bad.start()} of {len(value)}"
            )
    return headers


_NOT_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def overridden(headers: Mapping[str, str], by: Mapping[str, str]) -> dict[str, str]:
    """*headers* and those in *by*, which win whatever their capitals."""
    if not by:
        return dict(headers)
    names = {name.lower() for name in by}
    return {name: value for name, value in headers.items() if name.lower() not in names} | dict(by)


def _popped_mapping(extra: dict[str, Any], key: str) -> dict[str, Any]:
    value = extra.pop(key, None)
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{key} must be a dict, got {type(value).__name__}")
    return {k: v for k, v in (value or {}).items() if not is_absent(v)}


def _popped_betas(extra: dict[str, Any]) -> tuple[str, ...]:
    betas = extra.pop("betas", None) or ()
    if isinstance(betas, str) or not isinstance(betas, Iterable):
        raise TypeError(f"betas must be a list of strings, got {type(betas).__name__}")
    betas = tuple(betas)
    for beta in betas:
        if not isinstance(beta, str):
            raise TypeError(f"betas must be a list of strings, got {type(beta).__name__} in it")
    _checked({"anthropic-beta": ",".join(betas)})
    return betas
