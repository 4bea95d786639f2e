"""The table of docs/clients.md is what the code knows of each platform."""

from __future__ import annotations

from typing import Any

from resilient_claude.request.platforms import PLATFORMS

from .pages import names, page, rows


def told(value: Any) -> str:
    return "yes" if value else "no"


def strict_tools(latest: tuple[int, int] | None) -> str:
    if latest is None:
        return "yes"
    return f"up to {latest[0]}.{latest[1]}" if latest != (0, 0) else "no"


def test_every_client_has_a_row_with_what_its_platform_takes() -> None:
    """Who chooses a platform by the table is not to be surprised by an error."""
    shown = {names(client)[0]: cells for client, *cells in rows(page("clients"), "client")}

    assert shown == {
        platform.client: [
            platform.name,
            told(platform.mcp_servers),
            told(platform.inference_geo),
            told(platform.fast_mode),
            strict_tools(platform.strict_up_to),
        ]
        for platform in PLATFORMS
    }
