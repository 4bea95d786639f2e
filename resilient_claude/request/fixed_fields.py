"""What the options come to for one model: the fields that are the same in every turn. Pure.

They are made once for an adapter, and anew where the model or the options change. Constant they
have to be all the same: thinking and effort are part of what the API caches.

Where several ask for a field, `extra_kwargs` win over the constructor's `extra_body`, that over its
other arguments, and those over what is right for a voice; in `output_config` and `metadata` key by
key.

Longer than other modules, because the rule of every field of the body stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .extra import NOTHING, Extra, overridden
from .history.fitting import ANY_LIMITS, MOST_IMAGES, MOST_IMAGES_OF_SHORT, MediaLimits
from .model_facts import ModelFacts, facts_of
from .models import Model
from .options import UNSET, RequestOptions
from .platforms import ANTHROPIC, Platform, samples
from .refusals import refusals
from .request import Adjustment
from .thinking import thinking_mode
from .tools.server_tool_versions import Recipient

# The only version under which the sampling arguments exist; from 2026-10-21 on they are a 400.
_SAMPLING_VERSION = {"anthropic-version": "2023-06-01"}
# Source: anthropic/types/anthropic_beta_param.py, and the page "MCP connector".
MCP_BETA = "mcp-client-2025-11-20"
# Source: platform.claude.com/docs/en/build-with-claude/thinking, "Controlling thinking display".
UPDATES_BETA = "thinking-display-updates-2026-08-18"

MAX_TOKENS = 1024
"""Default of `max_tokens` where nothing thinks: an answer that takes some four minutes to say."""
MAX_TOKENS_THINKING = 8192
"""Likewise where Claude thinks before it speaks: the limit counts both."""
_SHORT_CONTEXT_TOKENS = 200_000
"""Models that read no more take fewer images, and so may those of which it is not known."""
_PASSED_ON = ("speed", "service_tier", "inference_geo", "stop_sequences", "mcp_servers")
_MERGED = ("metadata", "output_config")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedFields:
    """What of a request does not depend on the conversation.

    Attributes:
        options: What they are made of.
        model: Who is asked.
        body: The fields of the body, without messages, system and tools of the agent.
        toolsets: Those of `mcp_servers`, which go last among the tools.
        last: The names of the fields that stand last in the body.
        headers: Those beyond the client's own, but for the betas'.
        betas: Names of betas.
        adjustments: What was asked for and is not sent so, and why.
        strict_tools: Whether tools are strict.
        notes: What is to be done with what its thinking says.
        platform: Where requests go.
        recipient: Who is asked, as far as the tools depend on it.
        media_limits: What of images and documents it may have.
    """

    options: RequestOptions
    model: Model
    body: dict[str, Any] = field(repr=False)
    toolsets: tuple[dict[str, Any], ...] = ()
    last: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    betas: tuple[str, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    strict_tools: bool = True
    notes: Literal["speak", "event", "off"] = "off"
    platform: Platform = ANTHROPIC
    recipient: Recipient = field(default=Recipient(facts_of("", None)), repr=False)
    media_limits: MediaLimits = ANY_LIMITS

    @classmethod
    def of(
        cls,
        options: RequestOptions,
        model: Model | None = None,
        *,
        extra: Extra = NOTHING,
        platform: Platform = ANTHROPIC,
    ) -> FixedFields:
        """What *options* come to.

        Args:
            options: The constructor's.
            model: Who is asked, if more is known than its id tells.
            extra: The `extra_kwargs` of one turn.
            platform: See the attribute.
        """
        model = Model.parse(options.model, options.model_like) if model is None else model
        refused = refusals(options, model.facts, model.id, platform)
        taken = replace(options, **{name: _DEFAULTS[name] for name in refused})
        own = dict(options.extra_body or {})
        asked = own | extra.fields
        body: dict[str, Any] = {"model": options.model, "stream": True}
        for name in _PASSED_ON:
            if (value := getattr(taken, name)) is not None:
                body[name] = list(value) if isinstance(value, (list, tuple)) else value
        body |= _merged(taken, model.facts, own, extra.fields)
        asked_betas = dict.fromkeys((*(options.betas or ()), *extra.betas))
        betas: dict[str, None] = {}  # that something else needs
        if "thinking" not in asked:
            body |= _thinking(taken, model.facts, body, betas, platform)
        body |= {name: value for name, value in asked.items() if name not in _MERGED}
        sampling, unsent = _sampling(taken, own, extra, body, model)
        body |= sampling
        unsent |= platform.fit(body)
        if "max_tokens" not in asked:
            body["max_tokens"] = taken.max_tokens or _max_tokens(body, model)
        servers = body.get("mcp_servers") or ()
        if body.get("speed") == "fast" and model.facts.fast:
            betas[model.facts.fast] = None
        if servers and not any(beta.startswith("mcp-client-") for beta in asked_betas):
            betas[MCP_BETA] = None
        return cls(
            options=options,
            model=model,
            body=body,
            toolsets=_toolsets(servers),
            last=(*sampling, *(key for key in own if key not in extra.fields), *extra.body_only),
            headers=_headers(body, options, extra, betas, platform),
            betas=tuple(asked_betas | betas),
            adjustments=tuple(_adjustments(options, model, refused, unsent)),
            strict_tools=options.strict_tool_schema and platform.takes_strict_tools(model),
            notes=_notes(options.progress, body, model.facts),
            platform=platform,
            recipient=Recipient(model.facts, model.id, platform),
            media_limits=_media_limits(model.facts, platform),
        )

    def with_extra(self, extra: Extra) -> FixedFields:
        """The same with the `extra_kwargs` of one turn, which may name another model."""
        if extra is NOTHING:
            return self
        name = extra.fields.get("model", self.model.id)
        model = self.model if name == self.model.id else Model.parse(name)
        return FixedFields.of(self.options, model, extra=extra, platform=self.platform)


_DEFAULTS: dict[str, Any] = {
    "thinking": UNSET,
    "effort": UNSET,
    "output_config": None,
    "max_tokens": None,
    "top_p": None,
    "speed": None,
    "mcp_servers": None,
    "inference_geo": None,
}
"""What takes the place of an option that a model refuses."""


def _merged(
    options: RequestOptions, facts: ModelFacts, own: Mapping[str, Any], extra: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of which several may set keys."""
    effort = facts.voice_effort if options.effort is UNSET else options.effort
    user = {} if options.user is None else {"user_id": options.user}
    sources: dict[str, dict[str, Any]] = {
        "metadata": {**user, **(options.metadata or {})},
        "output_config": {
            **({} if effort is None else {"effort": effort}),
            **(options.output_config or {}),
        },
    }
    merged: dict[str, Any] = {}
    for name, given in sources.items():
        value: Any = given
        asked = False
        for holder in (own, extra):
            if name in holder:
                asked = True
                over = holder[name]
                value = {**value, **over} if isinstance(over, Mapping) else over
        if value or asked:
            merged[name] = value
    return merged


def _thinking(
    options: RequestOptions,
    facts: ModelFacts,
    body: Mapping[str, Any],
    betas: dict[str, None],
    platform: Platform,
) -> dict[str, Any]:
    """The field of that name, if any; a beta that it needs is added to *betas*."""
    if options.thinking is None:
        return {}
    if isinstance(options.thinking, Mapping):
        thinking = dict(options.thinking)
    else:
        kind = facts.voice_thinking
        if kind is None:
            return {}
        config = body.get("output_config")
        effort = config.get("effort") if isinstance(config, Mapping) else None
        if kind != "adaptive" and effort and effort not in facts.efforts_without_thinking:
            kind = "adaptive"  # who asks for that much effort asks for thinking
        thinking = {"type": kind}
    if thinking["type"] == "adaptive" and "display" not in thinking and facts.notes_in_thinking:
        display = platform.display(options.progress)
        thinking |= {} if display is None else {"display": display}
    if thinking.get("display") == "updates":
        betas[UPDATES_BETA] = None
    return {"thinking": thinking}


def _notes(
    progress: Literal["speak", "event", "off"], body: Mapping[str, Any], facts: ModelFacts
) -> Literal["speak", "event", "off"]:
    """What is to be done with what thinking says, which need not be notes.

    What comes with "between_tools" are notes and nothing else, and so is what "updates" shows.
    Summaries have both: nobody speaks those.
    """
    thinking = body.get("thinking")
    if progress == "off" or not isinstance(thinking, Mapping):
        return "off"
    kind, display = thinking.get("type"), thinking.get("display")
    if kind == "between_tools" or display == "updates":
        return progress
    return "event" if facts.notes_in_thinking and display == "summarized" else "off"


def _sampling(
    options: RequestOptions,
    own: Mapping[str, Any],
    extra: Extra,
    body: Mapping[str, Any],
    model: Model,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The sampling arguments to send, and why the API would reject each that is left out."""
    given = {"temperature": options.temperature, "top_k": options.top_k, "top_p": options.top_p}
    wanted = {
        name: value
        for name, value in (given | extra.sampling).items()
        if value is not None and name not in own and name not in extra.fields
    }
    unsent: dict[str, str] = {}
    if not wanted:
        return {}, unsent
    if not model.accepts_sampling:
        unsent = dict.fromkeys(wanted, f"not sent: model {model.id} rejects it")
    elif thinking_mode(body, model) != "off":
        # Source: platform.claude.com/docs/en/build-with-claude/thinking, "Sampling parameters"; a
        # top_p from 0.95 on is allowed there.
        rejected = (name for name in wanted if name != "top_p")
        unsent = dict.fromkeys(rejected, "not sent: it cannot be combined with thinking")
    return {name: value for name, value in wanted.items() if name not in unsent}, unsent


def _max_tokens(body: Mapping[str, Any], model: Model) -> int:
    """The longest answer, thinking included, of a request that sets no limit."""
    thinking = body.get("thinking")
    settings = thinking if isinstance(thinking, Mapping) else {}
    if thinking_mode(body, model) == "off" or settings.get("type") == "between_tools":
        return MAX_TOKENS
    budget = settings.get("budget_tokens")
    wanted = MAX_TOKENS_THINKING + (budget if isinstance(budget, int) else 0)
    most = model.facts.max_output_tokens
    return wanted if most is None else min(wanted, most)


def _media_limits(facts: ModelFacts, platform: Platform) -> MediaLimits:
    is_short = (facts.context_tokens or 0) <= _SHORT_CONTEXT_TOKENS
    return MediaLimits(
        images=MOST_IMAGES_OF_SHORT if is_short else MOST_IMAGES,
        image_chars=platform.image_chars,
        request_bytes=platform.request_bytes,
        fetches=platform.media_urls,
        counts_documents=not platform.media_urls,
    )


def _toolsets(servers: Any) -> tuple[dict[str, Any], ...]:
    """Without a toolset that names it, the tools of a server are not offered."""
    return tuple(
        {"type": "mcp_toolset", "mcp_server_name": each["name"]}
        for each in (servers if isinstance(servers, (list, tuple)) else ())
        if isinstance(each, Mapping) and isinstance(each.get("name"), str)
    )


def _headers(
    body: Mapping[str, Any],
    options: RequestOptions,
    extra: Extra,
    betas: Iterable[str],
    platform: Platform,
) -> dict[str, str]:
    """Headers; one for betas that the application sets itself gets the needed *betas* too."""
    headers = _SAMPLING_VERSION if samples(body) and not platform.sampling_version else {}
    headers = overridden(overridden(headers, options.extra_headers or {}), extra.headers)
    for name, value in headers.items():
        if name.lower() == "anthropic-beta":
            needed = [beta for beta in betas if beta not in value]
            headers[name] = ",".join([value, *needed])
    return headers


def _adjustments(
    options: RequestOptions, model: Model, refused: Mapping[str, str], unsent: Mapping[str, str]
) -> list[Adjustment]:
    found = [Adjustment(name, f"not sent: it {why}") for name, why in refused.items()]
    found += [Adjustment(name, why) for name, why in unsent.items()]
    if not model.is_named and options.thinking is UNSET and options.effort is UNSET:
        found.append(
            Adjustment(
                "model",
                f"{model.id} does not say which Claude it is, so thinking and effort are left to "
                'it: name one that it is like, such as model_like="claude-haiku-4-5"',
            )
        )
    return found
