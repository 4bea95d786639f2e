"""The requests of an adapter's turns: made, and made once more where they were rejected."""

from __future__ import annotations

from typing import Any

from livekit.agents.llm import ChatContext

from resilient_claude.failures.failure import Failure
from resilient_claude.request.build import Unbuildable, build_request
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.request.tools.strict import is_schema_too_complex
from resilient_claude.telemetry.log import request_adjusted


class TurnRequests:
    """Makes requests, and remembers from turn to turn what they are made of.

    Args:
        options: what shapes a request.
        schemas: keeps the definitions of tools.
        logger: from `telemetry.log.make_logger`; learns, once, what could not be sent as asked.
    """

    def __init__(self, options: RequestOptions, schemas: ToolSchemas, logger: Any) -> None:
        self._options = options
        self._schemas = schemas
        self._logger = logger
        self._histories = HistoryCache()
        self._adjusted: set[tuple[str, str]] = set()

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
                self._options,
                chat_ctx,
                schemas=self._schemas,
                histories=self._histories,
                **arguments,
            )
        except Unbuildable as fault:
            return fault
        for adjustment in request.adjustments:
            said = adjustment.argument, adjustment.reason
            if said not in self._adjusted:
                self._adjusted.add(said)
                request_adjusted(self._logger, *said, model=self._options.model)
        return request

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
