"""The requests of an adapter's turns: made, and made once more where they were rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from livekit.agents.llm import ChatContext, Tool, Toolset

from resilient_claude.failures.failure import Failure
from resilient_claude.request.build import Unbuildable, build_request, build_schemas
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.less_thinking import with_less_thinking
from resilient_claude.request.model_info import ModelInfo
from resilient_claude.request.models import Model
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.refusals import check_taken
from resilient_claude.request.request import Adjustment, Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.request.tools.strict import is_schema_too_complex
from resilient_claude.telemetry.log import request_adjusted


class TurnRequests:
    """Makes requests, and remembers from turn to turn what they are made of.

    Args:
        options: what shapes a request.
        schemas: keeps the definitions of tools.
        logger: from `telemetry.log.make_logger`; learns, once, what could not be sent as asked.
        is_first_party: whether requests go to Anthropic's own API, or to what speaks as it.

    Raises:
        ValueError: the model does not take what the *options* ask for.
    """

    def __init__(
        self,
        options: RequestOptions,
        schemas: ToolSchemas,
        logger: Any,
        *,
        is_first_party: bool = True,
    ) -> None:
        self._schemas = schemas
        self._logger = logger
        self._is_first_party = is_first_party
        self._known: dict[str, Model] = {}  # more than their ids tell, by these
        self._histories = HistoryCache()
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
            self._fixed = FixedFields.of(self.options, model, is_first_party=self._is_first_party)

    def _made_of(self, options: RequestOptions) -> FixedFields:
        model = self._known.get(options.model) or Model.parse(options.model, options.model_like)
        check_taken(options, model.facts, model.id)
        return FixedFields.of(options, model, is_first_party=self._is_first_party)

    def build_schemas(self, tools: Sequence[Tool | Toolset]) -> Iterator[None]:
        """Build what is not known yet of *tools*, one with each step: there may be a lot to do."""
        return build_schemas(self._fixed, tools, self._schemas)

    def first(self, tools: Sequence[Tool | Toolset] = ()) -> Request:
        """A request such as the first turn's, of which nothing is logged or remembered."""
        context = ChatContext.empty()
        context.add_message(role="user", content="?")
        return build_request(self._fixed, context, tools=tools, schemas=self._schemas)

    def make(self, chat_ctx: ChatContext, **arguments: Any) -> Request | Unbuildable:
        """The request for one turn; a fault if no history like this can be sent.

        Args:
            chat_ctx: the conversation.
            arguments: the others of `build_request`.

        Raises:
            TypeError, ValueError: one of the *arguments* cannot be sent; the message names it.
        """
        try:
            request = build_request(
                self._fixed,
                chat_ctx,
                schemas=self._schemas,
                histories=self._histories,
                **arguments,
            )
        except Unbuildable as fault:
            return fault
        for adjustment in request.adjustments:
            self._say(adjustment)
        return request

    def _say(self, adjustment: Adjustment) -> None:
        said = adjustment.argument, adjustment.reason
        if said not in self._adjusted:
            self._adjusted.add(said)
            request_adjusted(self._logger, *said, model=self.model.id)

    def less_thinking(self, request: Request) -> Request | None:
        """*request* with more room for the answer, now that thinking has left none; one line."""
        made = with_less_thinking(request)
        if made is None:
            return None
        self._say(made[1])
        return made[0]

    def repair(self, request: Request, failure: Failure) -> Request | None:
        """*request* such that it may be taken, now that it was rejected; None if nothing is known.

        Args:
            request: what was sent.
            failure: what the API said to it.
        """
        loose = request.without_strict() if is_schema_too_complex(failure) else None
        if loose is not None:
            self._schemas.give_up_strict()  # the next turn's request says so
        return loose
