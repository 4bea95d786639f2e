"""What of the constructor's arguments shapes a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from livekit.agents.llm import ToolChoice

from .given import is_int, is_number
from .tools.choice import api_tool_choice


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The constructor's arguments that shape a request; None leaves the API's default.

    Raises:
        ValueError: An argument is outside what the API accepts; the message names it.
    """

    model: str
    user: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    max_tokens: int = 1024
    parallel_tool_calls: bool | None = None
    tool_choice: ToolChoice | None = None
    caching: Literal["ephemeral"] | None = None
    strict_tool_schema: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model.strip():
            raise ValueError(f"model must be a model id, got {self.model!r}")
        if not is_int(self.max_tokens) or self.max_tokens < 1:
            raise ValueError(f"max_tokens must be >= 1, got {self.max_tokens!r}")
        if self.temperature is not None and not (
            is_number(self.temperature) and 0 <= self.temperature <= 1
        ):
            raise ValueError(f"temperature must be from 0 to 1, got {self.temperature!r}")
        if self.top_k is not None and not (is_int(self.top_k) and self.top_k >= 0):
            raise ValueError(f"top_k must be >= 0, got {self.top_k!r}")
        if self.caching not in (None, "ephemeral"):
            raise ValueError(f'caching must be "ephemeral" or None, got {self.caching!r}')
        if self.tool_choice is not None:
            api_tool_choice(self.tool_choice)
