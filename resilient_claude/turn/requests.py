"""The requests of an adapter's turns: made, and mended where they were rejected.

Theory of operation. A turn's request is made, then mended for all that requests of its host and
model are known to be rejected for (`as_taken`), and sent. If it is rejected for a known reason, it
is mended (`repair`) and sent again, which the turn does at once and without a wait, as long as

- nothing of an answer was heard, and the budget of silence is not used up;
- it was not mended for that very reason before, nor `MOST_REPAIRS` times for others, in this turn;
- it has not been mended in vain, in this turn or in an earlier one of the process.

Where one of a kind was not all, as with the second of two images, the next is mended too, and then
all that are left of the kind: each rejection names one, and the caller waits meanwhile.

What helped is remembered at once, so that turns that run at the same time, and those that follow,
do not ask in vain. If the rejection comes back word for word from a request that has no such part
any more, it was not that: this too is remembered, and from then on the rejection is final.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from livekit.agents.llm import ChatContext, Tool, Toolset

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.failures.faults import Fault
from resilient_claude.request.build import Unbuildable, build_request, build_schemas
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.less_thinking import with_less_thinking
from resilient_claude.request.model_info import ModelInfo
from resilient_claude.request.models import Model
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.platforms import ANTHROPIC, Platform
from resilient_claude.request.refusals import check_taken
from resilient_claude.request.repairs.rejections import CONTAINER, cause_of, repair_for
from resilient_claude.request.repairs.repair import Cause
from resilient_claude.request.request import Adjustment, Request
from resilient_claude.request.server_answers import ServerAnswers
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.request.warming import warming_request
from resilient_claude.response.message import IncomingMessage
from resilient_claude.response.usage import Usage
from resilient_claude.telemetry.log import request_adjusted
from resilient_claude.telemetry.record import CacheMiss

from .cache_watch import CacheWatch
from .remembered import OF_THIS_PROCESS, Remembered

MOST_REPAIRS = 5
"""How many times a turn's request is mended; each for another reason."""
_EACH_BY_ITSELF = 2
"""How many reasons of one kind are mended one by one."""


class TurnRequests:
    """Makes requests, and remembers from turn to turn what they are made of.

    Attributes:
        answers: what tools did at Anthropic's before the open calls of ours.

    Args:
        options: what shapes a request.
        schemas: keeps the definitions of tools.
        logger: from `telemetry.log.make_logger`; learns, once, what could not be sent as asked.
        host: where they go, host and port; with the model the key of what is remembered.
        remembered: why earlier ones were rejected, by host and model.
        diagnoses: whether what is asked can tell why its prompt cache has missed: Anthropic's own
            API can, others may reject the question.
        platform: what serves the model there, and so what is taken.

    Raises:
        ValueError: the model, or the platform, does not take what the *options* ask for.
    """

    def __init__(
        self,
        options: RequestOptions,
        schemas: ToolSchemas,
        logger: Any,
        *,
        host: str = "",
        remembered: Remembered = OF_THIS_PROCESS,
        diagnoses: bool = False,
        platform: Platform = ANTHROPIC,
    ) -> None:
        self._host = host
        self._remembered = remembered
        self._cache_watch = CacheWatch()
        self._previous = self._cache_watch.previous if diagnoses else None
        self._told_of_minimum = False
        self._schemas = schemas
        self._logger = logger
        self._platform = platform
        self._known: dict[str, Model] = {}  # more than their ids tell, by these
        self._histories = HistoryCache()
        self.answers = ServerAnswers()
        self._adjusted: set[tuple[str, str]] = set()
        self._fixed = self._made_of(options)

    @property
    def options(self) -> RequestOptions:
        """What shapes a request that is made now."""
        return self._fixed.options

    @property
    def model(self) -> Model:
        """Who is asked by a request that is made now."""
        return self._fixed.model

    def change(self, options: RequestOptions) -> None:
        """Make requests of *options* from now on.

        Raises:
            ValueError: the model does not take what they ask for; everything stays as it was.
        """
        self._fixed = self._made_of(options)

    def learn(self, info: ModelInfo) -> None:
        """The API has said more of a model; what it says counts from the next request on."""
        model = info.model
        self._known[model.id] = model
        if model.id == self.model.id:
            self._fixed = FixedFields.of(self.options, model, platform=self._platform)

    def _made_of(self, options: RequestOptions) -> FixedFields:
        model = self._known.get(options.model) or Model.parse(options.model, options.model_like)
        check_taken(options, model.facts, model.id, self._platform)
        return FixedFields.of(options, model, platform=self._platform)

    def build_schemas(self, tools: Sequence[Tool | Toolset]) -> Iterator[None]:
        """Build what is not known yet of *tools*, one with each step: there may be a lot to do."""
        return build_schemas(self._fixed, tools, self._schemas)

    def first(self, tools: Sequence[Tool | Toolset] = ()) -> Request:
        """A request such as the first turn's, of which nothing is logged or remembered."""
        context = ChatContext.empty()
        context.add_message(role="user", content="?")
        return build_request(self._fixed, context, tools=tools, schemas=self._schemas)

    def make(self, chat_ctx: ChatContext, **arguments: Any) -> Request | Fault:
        """The request for one turn; a fault if no history like this can be sent.

        Args:
            chat_ctx: the conversation.
            arguments: the others of `build_request`.

        Raises:
            TypeError, ValueError: one of the *arguments* cannot be sent; the message names it.
        """
        fixed = self._fixed
        request = self._build(fixed, chat_ctx, arguments)
        if isinstance(request, Request) and request.preparations:
            # What is prepared takes a while, in which the application may change its history.
            items = ChatContext([*chat_ctx.items])
            return replace(request, remake=lambda: self._build(fixed, items, arguments))
        return self.finished(request)

    def _build(
        self, fixed: FixedFields, chat_ctx: ChatContext, arguments: dict[str, Any]
    ) -> Request | Unbuildable:
        try:
            return build_request(
                fixed,
                chat_ctx,
                schemas=self._schemas,
                histories=self._histories,
                previous=self._previous,
                answers=self.answers,
                **arguments,
            )
        except Unbuildable as fault:
            return fault

    def finished(self, request: Request | Fault) -> Request | Fault:
        """*request*, mended for what its like were rejected for; what is not sent is one line.

        A fault stays one.
        """
        if isinstance(request, Fault):
            return request
        for adjustment in request.adjustments:
            self._say(adjustment)
        return self.as_taken(request)

    def warming(self, instructions: str, tools: Sequence[Tool | Toolset]) -> Request:
        """A request that writes what calls share into the prompt cache; see `warming_request`."""
        request = warming_request(self._fixed, instructions, tools, self._schemas)
        return self.as_taken(request)

    def answered(self, request: Request, message: IncomingMessage, now: float) -> CacheMiss | None:
        """See `CacheWatch.answered`; a prompt that is too short to be cached is one line."""
        self.check_cached(request, message.usage)
        return self._cache_watch.answered(request, message, now)

    def check_cached(self, request: Request, usage: Usage) -> None:
        """One line if nothing of *request* was cached since it is too short for its model."""
        minimum, tokens = request.asked.facts.cache_minimum_tokens, usage.prompt_tokens
        is_cached = usage.cache_read_input_tokens or usage.cache_creation_input_tokens
        if self._told_of_minimum or is_cached or minimum is None or not 0 < tokens < minimum:
            return
        self._told_of_minimum = True
        reason = (
            f"has no effect on a prompt of {tokens} tokens: {request.asked.id} caches what is "
            f"{minimum} tokens long or longer"
        )
        self._say(Adjustment("caching", reason))

    def _say(self, adjustment: Adjustment) -> None:
        self._say_of(self.model.id, adjustment)

    def _say_of(self, model: str, adjustment: Adjustment) -> None:
        said = adjustment.argument, adjustment.reason
        if said not in self._adjusted:
            self._adjusted.add(said)
            request_adjusted(self._logger, *said, model=model)

    def less_thinking(self, request: Request) -> Request | None:
        """*request* with more room for the answer, now that thinking has left none; one line."""
        made = with_less_thinking(request)
        if made is None:
            return None
        self._say(made[1])
        return self.as_taken(made[0])  # which may not have the effort that it asks for

    def in_new_container(self, request: Request) -> Request:
        """*request* without the container that it names, if it does, and one line.

        One that is days old may be answered by HTTP 500, which does not say why, for ever.
        Source: github.com/pydantic/pydantic-ai/issues/7833.
        """
        cause = cause_of(request, ApiError(), CONTAINER)
        return request if cause is None else self._mended(request, cause) or request

    def as_taken(self, request: Request) -> Request:
        """*request*, mended for what its like were rejected for; most are not."""
        for cause in self._remembered.mends(self._host, request.model):
            request = self._mended(request, cause) or request
        return request

    def repair(self, request: Request, error: ApiError, done: list[Cause]) -> Request | None:
        """*request* such that it may be taken, now that it was rejected; None if nothing is known.

        Args:
            request: what was sent.
            error: what the API said to it.
            done: what was mended in this turn; one more is added.
        """
        remembered, asked = self._remembered, (self._host, request.model)
        cause = cause_of(request, error)
        if cause is None:
            repair = repair_for(error)
            for earlier in done:
                if earlier.repair is repair:  # it was not that
                    remembered.keep(*asked, earlier, helped=False)
            return None
        if sum(one.repair is cause.repair for one in done) >= _EACH_BY_ITSELF:
            cause = cause_of(request, replace(error, message=""), cause.repair) or cause
        if len(done) >= MOST_REPAIRS or cause in done or remembered.is_in_vain(*asked, cause):
            return None
        done.append(cause)
        remembered.keep(*asked, cause)
        return self._mended(request, cause)

    def _mended(self, request: Request, cause: Cause) -> Request | None:
        """*request*, mended for *cause*; one line, once."""
        made = cause.mend(request)
        if made is None:
            return None
        self._say_of(request.model, made[1])
        return made[0]
