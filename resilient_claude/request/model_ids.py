"""Whether a model's id is one that Anthropic's own API is likely to know. Pure.

There is no list of all ids, since new ones appear without a release of ours. An id is suspicious if
it is built as none of Anthropic's is, or if it names a family that differs from a known one by a
slip of the pen. Gateways and other platforms have ids of their own, of which nothing is known.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import get_args

from anthropic.types import Model

_FAMILIES = ("opus", "sonnet", "haiku", "fable", "mythos")
# claude-sonnet-4-6, claude-opus-4-20250514, claude-haiku-4-5-20251001, claude-mythos-preview
_ID = re.compile(r"claude-(?P<family>[a-z]+)-(?:\d(?:-\d{1,2})?(?:-\d{8}|-latest)?|preview)")
# claude-3-5-sonnet-20241022, claude-3-opus-latest, claude-2.1, claude-instant-1.2
_OLD_ID = re.compile(
    r"claude-3(?:-\d)?-(?:opus|sonnet|haiku)(?:-\d{8}|-latest)?"
    r"|claude-(?:instant-)?[12](?:\.\d)?"
)
# Such as 4-6-sonnet, the order of the old ones.
_TURNED_ROUND = re.compile(r"claude-(\d(?:-\d)?)-([a-z]+)")
# What names the model in a gateway's, Bedrock's or Vertex's id.
_WITHIN = re.compile(r"claude[-_ .]?.*")
_DEFAULT = "claude-sonnet-4-6"


def did_you_mean(model_id: str) -> str | None:
    """The id that *model_id* was probably to be; None if it may be one as it is."""
    known = [model for model in get_args(get_args(Model)[0]) if isinstance(model, str)]
    if model_id in known or _OLD_ID.fullmatch(model_id) or _may_be_new(model_id):
        return None
    found = _WITHIN.search(model_id.lower())
    if found is None:
        return _DEFAULT
    # Of a platform's id, what comes behind the model's own: Bedrock's `-v1:0`, Vertex's `@date`.
    name = re.sub(r"(?:-v\d.*|[@:].*)$", "", found[0])
    name = re.sub(r"[^a-z0-9]+", "-", name).strip("-")
    turned = _TURNED_ROUND.sub(r"claude-\2-\1", name)
    for candidate in (name, turned):
        if candidate in known or (candidate != model_id and _may_be_new(candidate)):
            return candidate
    (closest,) = get_close_matches(name, known, n=1, cutoff=0) or [_DEFAULT]
    return closest


def did_you_mean_on_bedrock(model_id: str) -> str | None:
    """How the id begins that *model_id* was to be on Amazon Bedrock; None if it may be one.

    Bedrock's ids name the provider, those of inference profiles a region before it, and ARNs both
    or neither. Source: docs.aws.amazon.com/bedrock, "Supported foundation models".
    """
    return f"anthropic.{model_id}" if did_you_mean(model_id) is None else None


def _may_be_new(model_id: str) -> bool:
    found = _ID.fullmatch(model_id)
    if found is None:
        return False
    family = found["family"]
    return family in _FAMILIES or not get_close_matches(family, _FAMILIES, n=1, cutoff=0.7)
