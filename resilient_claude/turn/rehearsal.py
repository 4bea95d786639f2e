"""What can be done before the first turn, so that its caller does not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from livekit.agents.llm import ChatContext, Tool, Toolset

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.faults import ClockExpired
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.failures.naming import name_failure
from resilient_claude.failures.private import Private
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.request.build import build_request, build_schemas
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.transport.sdk import credentials_of
from resilient_claude.transport.target import Target

if TYPE_CHECKING:
    from resilient_claude.transport.sdk import AnyClient


class Rehearsal:
    """A turn up to the point where tokens would be spent.

    Args:
        target: who will be asked.
        options: what shapes a request.
        schemas: keeps the definitions of tools.
        timeouts: bound the wait for the connection and the answer on it.
    """

    def __init__(
        self, target: Target, options: RequestOptions, schemas: ToolSchemas, timeouts: Timeouts
    ) -> None:
        self._target = target
        self._options = options
        self._schemas = schemas
        self._timeouts = timeouts

    async def build_tools(self, tools: Sequence[Tool | Toolset]) -> None:
        """Build the schemas of *tools*, one between two turns of the event loop, and a request."""
        for _ in build_schemas(self._options, tools, self._schemas):
            await asyncio.sleep(0)
        self._request(tools)

    async def connect(self) -> None:
        """Open a connection, and show the key on it, where the client can list models.

        Raises:
            livekit.agents.APIError: that failed.
        """
        evidence = Evidence(https=self._target.https)
        try:
            client = await self._target.client_for_attempt()
            await self._target.rehearse(client, self._request())
            await self._show_key(client, evidence)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it gets a name
            secrets = credentials_of(self._target.client)
            failure, shown = name_failure(exc, evidence, private=lambda: Private(secrets))
        else:
            return
        # Out here, what it was is not the context of what is raised.
        raise to_api_error(failure, summary="warming failed") from shown

    async def _show_key(self, client: AnyClient, evidence: Evidence) -> None:
        limit_s = self._timeouts.connect_s + self._timeouts.first_token_s
        scope = asyncio.timeout(limit_s)
        try:
            async with scope:
                await self._target.show_key(client, evidence)
        except TimeoutError:
            if scope.expired():
                raise ClockExpired("first_token_s", limit_s) from None
            raise

    def _request(self, tools: Sequence[Tool | Toolset] = ()) -> Request:
        context = ChatContext.empty()
        context.add_message(role="user", content="?")
        return build_request(self._options, context, tools=tools, schemas=self._schemas)


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
