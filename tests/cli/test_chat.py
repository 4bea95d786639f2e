"""A conversation in the terminal: the history, the log beside it, and Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resilient_claude.cli.app import app
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude

KEY = "sk-ant-test-0123456789"

Chat = Callable[..., Result]


@pytest.fixture
def chat(simulated_claude: SimulatedClaude) -> Chat:
    """Runs `chat` against the simulated Claude with *lines* typed in."""

    def run(*lines: str, arguments: tuple[str, ...] = ()) -> Result:
        return CliRunner().invoke(
            app,
            ["chat", "--base-url", simulated_claude.base_url, *arguments],
            input="".join(f"{line}\n" for line in lines),
            env={"ANTHROPIC_API_KEY": KEY, "COLUMNS": "300"},
        )

    return run


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (None, "set ANTHROPIC_API_KEY"),
        ("", "set ANTHROPIC_API_KEY"),
        ("sk ant", "ANTHROPIC_API_KEY has"),
    ],
)
def test_chat_without_a_usable_key_says_so(key: str | None, complaint: str) -> None:
    """It is everybody's first mistake, and a traceback would show the key."""
    result = CliRunner().invoke(app, ["chat"], env={"ANTHROPIC_API_KEY": key, "COLUMNS": "300"})

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.output


def test_chat_begins_with_whom_it_asks_and_how_to_leave(
    chat: Chat, simulated_claude: SimulatedClaude
) -> None:
    """A wrong model or gateway is seen before the first question, and nobody is locked in."""
    lines = chat("/quit", arguments=("--model", "claude-haiku-4-5")).output.splitlines()

    host = simulated_claude.base_url.removeprefix("http://")
    assert lines[0] == "starting livekit ..."
    assert lines[1] == f"claude-haiku-4-5 at {host}; /quit ends, Ctrl-C interrupts an answer"


def test_chat_keeps_the_history(chat: Chat, simulated_claude: SimulatedClaude) -> None:
    """A second question refers to the first answer."""
    simulated_claude.script(Answer("Hi."), Answer("Bye."))

    result = chat("Hello?", "And now?", "/quit", "never sent", arguments=("--system", "Be brief."))

    body = simulated_claude.requests[-1].body
    said = [(each["role"], each["content"][0]["text"]) for each in body["messages"]]
    assert said == [("user", "Hello?"), ("assistant", "Hi."), ("user", "And now?")]
    assert body["system"][0]["text"] == "Be brief."
    assert len(simulated_claude.requests) == 2
    assert result.output.count("claude Hi.") == 1
    assert result.exit_code == 0


def test_chat_ends_at_the_end_of_its_input(chat: Chat) -> None:
    """Ctrl-D, and `chat < file`; empty lines are not questions."""
    result = chat("", "Hello?", "   ")

    assert (result.exit_code, result.output.count("claude Hello.")) == (0, 1)


def test_chat_sends_the_model_and_the_key(chat: Chat, simulated_claude: SimulatedClaude) -> None:
    """The key travels in its header and is shown nowhere."""
    result = chat("Hello?", arguments=("--model", "claude-haiku-4-5"))

    (request,) = simulated_claude.requests
    assert request.body["model"] == "claude-haiku-4-5"
    # One or the other: SDK 1.x sends it as x-api-key, 2.x as a bearer token.
    sent = [request.headers.get("x-api-key"), request.headers.get("authorization")]
    assert KEY in sent or f"Bearer {KEY}" in sent
    assert KEY not in result.output


def test_chat_shows_the_log_line_of_a_failed_attempt(
    chat: Chat, simulated_claude: SimulatedClaude
) -> None:
    """Recovery is the point of the package: it is shown, beside the whole answer."""
    simulated_claude.script(HttpError(529), Answer("Here I am."))

    lines = chat("Hello?").output.splitlines()

    failed = "you    attempt 1 failed: overloaded (remote), HTTP 529, OverloadedError: "
    assert lines[2].startswith(failed)
    assert sum(line.startswith("recovered after 2 attempts (1 over") for line in lines) == 1
    assert "claude Here I am." in lines


def test_chat_shows_a_line_for_each_change_of_cause(
    chat: Chat, simulated_claude: SimulatedClaude
) -> None:
    """What comes back is counted in the last line; what is new is said when it comes."""
    simulated_claude.script(*[HttpError(529)] * 2, *[HttpError(500)] * 2, Answer("Here I am."))

    lines = chat("Hello?").output.removeprefix("you    ").splitlines()

    failed = [line.partition(" (")[0] for line in lines if " failed: " in line]
    assert failed == ["you    attempt 1 failed: overloaded", "attempt 3 failed: server"]
    assert any("recovered after 5 attempts (2 overloaded, 2 server)" in line for line in lines)


def test_a_failed_turn_prints_its_cause_and_the_chat_goes_on(
    chat: Chat, simulated_claude: SimulatedClaude
) -> None:
    """One rejected request must not end a conversation."""
    simulated_claude.script(HttpError(401, message="invalid x-api-key"), Answer("Better."))

    result = chat("Hello?", "Again?")

    (cause,) = [line for line in result.output.splitlines() if "no answer from Claude" in line]
    assert "auth (caller) in phase response: AuthenticationError: invalid x-api-key" in cause
    assert "claude Better." in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "steps",
    [
        [HttpError(401, message="bad key")],
        [HttpError(529, message="bad day"), HttpError(400, message="bad key")],
        [Break("end", at="text"), HttpError(400, message="bad key")],
    ],
    ids=["at once", "after another", "behind words"],
)
def test_what_ends_a_turn_is_said_once(
    chat: Chat, simulated_claude: SimulatedClaude, steps: list[Any]
) -> None:
    """The attempt, the turn and the error tell the same three times; nobody reads all of it."""
    simulated_claude.script(*steps)

    result = chat("Hello?")

    assert result.output.count("bad key") == 1


def test_the_log_waits_for_the_end_of_the_answer(
    chat: Chat, simulated_claude: SimulatedClaude
) -> None:
    """A line in the middle of a sentence would be read as a part of it."""
    broken = Break("end", at="text", answer=Answer("One two three."))
    simulated_claude.script(broken, HttpError(400))

    lines = chat("Count!").output.splitlines()

    answer = lines.index("you    claude One two ")
    assert lines[answer + 1].startswith("attempt 1 failed: truncated (")
    assert "broke off after 8 characters and 0 tool calls (2 attempts" in lines[answer + 2]


def test_an_answer_that_broke_off_is_gone_on_with(
    chat: Chat, simulated_claude: SimulatedClaude
) -> None:
    """Who reads it sees a whole sentence, and below it what it took."""
    broken = Break("end", at="text", answer=Answer("One two three."))
    simulated_claude.script(broken, Answer("three."))

    lines = chat("Count!").output.splitlines()

    answer = lines.index("you    claude One two three.")
    assert lines[answer + 1].startswith("attempt 1 failed: truncated (")
    assert lines[answer + 2].startswith("recovered after 2 attempts (1 truncated), ")


# --- in a process of its own ---------------------------------------------------------------------


class Terminal:
    """A running `chat`, read as it writes."""

    def __init__(self, base_url: str) -> None:
        # A process started in the background ignores SIGINT, and so would its children.
        code = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
            "from resilient_claude.cli.app import app; app()"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-W", "always", "-c", code, "chat", "--base-url", base_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "ANTHROPIC_API_KEY": KEY, "COLUMNS": "300"},
        )
        self.output = ""

    def read_until(self, text: str, timeout_s: float = 60.0) -> None:
        """Read until *text* has appeared after all that was read before.

        The seconds end a test that hangs; a loaded machine needs many of them for the imports.
        """
        stdout, start = self._process.stdout, len(self.output)
        assert stdout is not None
        deadline = time.monotonic() + timeout_s
        while text not in self.output[start:]:
            ready, _, _ = select.select([stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(stdout.fileno(), 65536) if ready else b""
            assert data, f"{text!r} did not appear in {self.output!r}"
            self.output += data.decode()

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """End the input; the exit code and everything on stderr."""
        stdout, stderr = self._process.communicate(timeout=30)
        self.output += stdout.decode()
        return self._process.returncode, stderr.decode()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def terminal(simulated_claude: SimulatedClaude) -> Iterator[Terminal]:
    terminal = Terminal(simulated_claude.base_url)
    yield terminal
    terminal.kill()


def test_ctrl_c_interrupts_the_answer_and_not_the_chat(
    terminal: Terminal, simulated_claude: SimulatedClaude
) -> None:
    """It is barge-in: what was heard stays in the history, the rest is never said."""
    count = Answer("One two three four five.")
    simulated_claude.script(Break("stall", at="text", answer=count), Answer("Sorry."))
    terminal.read_until("you")
    terminal.type("Count!")
    terminal.read_until("two")  # while the rest of the answer is still to come

    terminal.interrupt()
    terminal.read_until("interrupted")
    terminal.type("Stop!")
    terminal.read_until("Sorry.")

    assert terminal.end() == (0, "")
    messages: Any = simulated_claude.requests[-1].body["messages"]
    assert [each["role"] for each in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"][0]["text"].strip() == "One two"


def test_ctrl_c_at_the_prompt_says_how_to_leave(terminal: Terminal) -> None:
    """As Python's own prompt does; a habit must not cost the conversation."""
    terminal.read_until("you")

    terminal.interrupt()
    terminal.read_until("Ctrl-D or /quit ends")
    terminal.type("Hello?")
    terminal.read_until("Hello.")

    assert terminal.end() == (0, "")


def test_a_connection_closed_at_the_prompt_is_not_used_again(
    terminal: Terminal, simulated_claude: SimulatedClaude
) -> None:
    """Servers close idle connections while somebody thinks: that is no failure to report."""
    terminal.read_until("you")
    terminal.type("Hello?")
    terminal.read_until("you")

    simulated_claude.drop_idle()
    terminal.type("Still there?")
    terminal.read_until("Hello.")

    assert terminal.end() == (0, "")
    assert "failed" not in terminal.output
    assert simulated_claude.connections == 2
