"""The sockets: what is left when nobody closes, and what a connection is set up with."""

from __future__ import annotations

import socket
import subprocess
import sys

from resilient_claude.sockets import _socket

UNCLOSED = """
import asyncio
from livekit.agents import llm
from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import SimulatedClaude

async def main(base_url):
    adapter = ResilientClaudeLLM(api_key="sk-ant-test", base_url=base_url)
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="Hello?")
    print((await adapter.chat(chat_ctx=context).collect()).text)

with SimulatedClaude() as claude:
    asyncio.run(main(claude.base_url))
"""


def test_an_adapter_that_nobody_closes_ends_quietly() -> None:
    """An AgentSession does not close its LLM, so a worker's log would be full of complaints."""
    result = subprocess.run(
        [sys.executable, "-c", UNCLOSED], capture_output=True, text=True, timeout=60, check=False
    )

    assert (result.stdout, result.stderr, result.returncode) == ("Hello.\n", "", 0)


def test_sockets_notice_a_dead_path() -> None:
    """A NAT that forgot the connection says nothing; the kernel has to ask."""
    sock = _socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1)))
    try:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4000
    finally:
        sock.close()
