"""What can be done before the first turn, so that its caller does not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anthropic
from livekit.agents.llm import Tool, Toolset

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.faults import ClockExpired
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.failures.naming import name_failure
from resilient_claude.failures.private import Private, private_texts
from resilient_claude.failures.statuses import api_error_of
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.request.model_ids import did_you_mean
from resilient_claude.request.model_info import ModelInfo
from resilient_claude.request.repairs.repair import Cause
from resilient_claude.request.request import Request
from resilient_claude.response.prices import Prices
from resilient_claude.response.usage import Usage
from resilient_claude.telemetry.ending_models import ENDING_MODELS
from resilient_claude.telemetry.events import WarmedCache
from resilient_claude.telemetry.log import model_unknown
from resilient_claude.transport.models_endpoint import UnknownModelError, describe_model
from resilient_claude.transport.sdk import credentials_of
from resilient_claude.transport.target import Target
from resilient_claude.transport.whole_message import whole_message

from .pricing import prices_of
from .requests import TurnRequests

if TYPE_CHECKING:
    from resilient_claude.transport.sdk import AnyClient


_READING = 4
"""How many times `first_token_s` Claude may take to read a prompt that nobody waits for."""


class Rehearsal:
    """A turn up to the point where tokens would be spent.

    Args:
        target: who will be asked.
        requests: makes the requests, and learns what the API says of their model.
        timeouts: bound the wait for the connection and the answer on it.
        logger: from `telemetry.log.make_logger`; learns of a model that is none, or will be none.
    """

    def __init__(
        self, target: Target, requests: TurnRequests, timeouts: Timeouts, logger: Any
    ) -> None:
        self._target = target
        self._requests = requests
        self.timeouts = timeouts
        self._logger = logger

    async def build_tools(self, tools: Sequence[Tool | Toolset]) -> None:
        """Build the schemas of *tools*, one between two turns of the event loop, and a request."""
        for _ in self._requests.build_schemas(tools):
            await asyncio.sleep(0)
        self._requests.first(tools)

    async def connect(self) -> None:
        """Open a connection, and ask on it for the model, where the client can ask for models.

        Raises:
            livekit.agents.APIError: that failed.
        """
        evidence = Evidence(https=self._target.https)
        try:
            await self._within_limit(self._connect(evidence))
        except Exception as exc:  # noqa: BLE001 - whatever it is, it gets a name
            secrets = credentials_of(self._target.client)
            failure, shown = name_failure(exc, evidence, private=lambda: Private(secrets))
        else:
            return
        # Out here, what it was is not the context of what is raised.
        raise to_api_error(failure, summary="warming failed") from shown

    async def warm_cache(
        self, instructions: str, tools: Sequence[Tool | Toolset], prices: Mapping[str, Prices]
    ) -> WarmedCache:
        """Write what calls share into the prompt cache: one request, without an answer.

        Raises:
            ValueError: the API warms no cache with such options.
            livekit.agents.APIError: that failed.
        """
        request = self._requests.warming(instructions, tools)
        evidence = Evidence(https=self._target.https)
        limit_s = _READING * self.timeouts.first_token_s
        try:
            async with asyncio.timeout(self.timeouts.connect_s + limit_s) as scope:
                client = await self._target.client_for_attempt()
                request, answer = await self._taken(client, request, evidence)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it gets a name
            if isinstance(exc, TimeoutError) and scope.expired():
                exc = ClockExpired("first_token_s", limit_s)
            secrets = credentials_of(self._target.client)
            private = private_texts(request.body, request.headers, request.query)
            failure, shown = name_failure(
                exc, evidence, private=lambda: private.plus(secrets=secrets)
            )
        else:
            usage = Usage()
            usage.update(answer["usage"])
            self._requests.check_cached(request, usage)
            price = prices_of(request.asked, prices)
            return WarmedCache(
                written_tokens=usage.cache_creation_input_tokens,
                read_tokens=usage.cache_read_input_tokens,
                lifetime_s=request.cached_s or 0.0,
                cost_usd=None if price is None else price.cost(usage),
            )
        raise to_api_error(failure, summary="warming the cache failed") from shown

    async def _taken(
        self, client: AnyClient, request: Request, evidence: Evidence
    ) -> tuple[Request, dict[str, Any]]:
        """The message that answers *request*, mended if it is rejected, as a turn's would be."""
        done: list[Cause] = []
        while True:
            try:
                connect_s = self.timeouts.connect_s
                return request, await whole_message(client, request, evidence, connect_s=connect_s)
            except anthropic.BadRequestError as exc:
                mended = self._requests.repair(request, api_error_of(exc), done)
                if mended is None:
                    raise
                request = mended

    async def _within_limit(self, connecting: Awaitable[None]) -> None:
        """Wait for it, but not longer than a turn would.

        Raises:
            ClockExpired: it takes longer.
        """
        limit_s = self.timeouts.connect_s + self.timeouts.first_token_s
        scope = asyncio.timeout(limit_s)
        try:
            async with scope:
                await connecting
        except TimeoutError:
            if scope.expired():
                raise ClockExpired("first_token_s", limit_s) from None
            raise

    async def _connect(self, evidence: Evidence) -> None:
        client = await self._target.client_for_attempt()
        await self._target.rehearse(client, self._requests.first())
        await self._ask_for_model(client, evidence)

    async def _ask_for_model(self, client: AnyClient, evidence: Evidence) -> None:
        """Learn of the model; a wrong id and one that is to retire are one line each.

        Raises:
            anthropic.APIStatusError: the key is refused, or the model is none.
            anthropic.APIConnectionError: there is no connection.
        """
        model = self._requests.model
        try:
            answer = await describe_model(client, model.id, evidence)
        except UnknownModelError as exc:
            model_unknown(self._logger, model=model.id, suggestion=did_you_mean(model.id))
            raise exc.error from exc.error.__cause__
        if answer is None:
            return
        info = ModelInfo.of(model, answer)
        self._requests.learn(info)
        if info.ends:
            ENDING_MODELS.tell(
                self._logger, model.id, lifecycle=info.lifecycle, retires_at=info.retires_at
            )


def check_tools(tools: object) -> None:
    """Check that *tools* are an agent's.

    Raises:
        TypeError: they are something else.
    """
    if isinstance(tools, str) or not isinstance(tools, Sequence):
        raise TypeError(f"tools must be a list, such as agent.tools, got {type(tools).__name__}")
    for tool in tools:
        if not isinstance(tool, (Tool, Toolset)):
            raise TypeError(f"tools must hold livekit's tools, got {type(tool).__name__}")
