"""One part of a turn: what is asked by one request, in as many attempts as it takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from resilient_claude.request.request import Request
from resilient_claude.response.text_filters import AfterPrefill, Join, TextFilter, ThinkingTags

MAX_PAUSES = 5
"""How often a turn that server tools paused is continued."""


class Part(NamedTuple):
    """One request of a turn.

    Attributes:
        request: what is asked.
        resumed: whether it goes on with an answer that broke off.
        owes_call: whether a call of a tool had begun in that.
        pauses: how often server tools have paused the turn before it.
        follows_tool: whether it answers the result of a tool.
        follows: the end of what was said before it, if it is to be set apart from that.
    """

    request: Request
    resumed: bool = False
    owes_call: bool = False
    pauses: int = 0
    follows_tool: bool = False
    follows: str = ""

    @property
    def may_be_empty(self) -> bool:
        """Whether Claude may rightly have nothing to say."""
        return (self.resumed and not self.owes_call) or self.follows_tool

    @property
    def may_pause(self) -> bool:
        """Whether it is continued if server tools pause it once more."""
        return self.pauses < MAX_PAUSES

    def filters(self, said: Sequence[str], *, filter_thinking: bool) -> list[TextFilter]:
        """What the text of its answer passes through.

        Args:
            said: what the caller heard before it, in pieces.
            filter_thinking: whether leaked thinking tags are taken out.
        """
        filters: list[TextFilter] = [ThinkingTags()] if filter_thinking else []
        if not self.resumed:
            return filters
        prefilled = self.request.body["messages"][-1]["role"] == "assistant"
        return [*filters, (AfterPrefill if prefilled else Join)("".join(said))]
