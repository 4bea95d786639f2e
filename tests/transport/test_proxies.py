"""HTTP proxies of the environment: through them, around them, and what is said when they fail.

Until a tunnel stands, nothing of Anthropic's was reached: whatever fails before that is this
network's affair, and an operator who reads anything else calls the wrong people.
"""

from __future__ import annotations

import base64
import traceback
from pathlib import Path

import pytest
import yarl
from livekit.agents import APIConnectionError, APIStatusError, APITimeoutError

from resilient_claude import Timeouts, failure_of
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.serving.handshakes import TlsMode
from resilient_claude.transport.proxies import Proxies
from tests.support.adapters import KEY, SHORT_S, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import Heard, conversation, read_stream
from tests.support.proxy import Does, Proxy

HELLO = Answer("Hello, this is Claude.")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no proxy, whatever that of the machine does."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


async def heard_from(
    claude: SimulatedClaude, make_llm: MakeLLM, timeout: Timeouts | None = None
) -> Heard:
    """One turn of an adapter that is made now, and so reads the environment now."""
    adapter = make_llm(claude, retry=shrunk_policy(max_attempts=3), timeout=timeout)
    heard = await read_stream(adapter.chat(chat_ctx=conversation()))
    await adapter.aclose()
    return heard


async def heard_behind(
    proxy: Proxy,
    claude: SimulatedClaude,
    make_llm: MakeLLM,
    environment: pytest.MonkeyPatch,
    timeout: Timeouts | None = None,
) -> Heard:
    """One turn, with *proxy* for everything."""
    async with proxy.listening() as url:
        environment.setenv("HTTPS_PROXY", url)
        environment.setenv("HTTP_PROXY", url)
        return await heard_from(claude, make_llm, timeout)


# --- through it and around it -------------------------------------------------------------------


async def test_a_turn_goes_through_a_tunnel(
    make_llm: MakeLLM, environment: pytest.MonkeyPatch
) -> None:
    """TLS is Claude's from end to end: the proxy is told the host and the port."""
    proxy = Proxy("forward")
    with SimulatedClaude(HELLO, tls=True) as claude:
        heard = await heard_behind(proxy, claude, make_llm, environment)

        assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
        assert proxy.asked == [f"CONNECT {claude.base_url.removeprefix('https://')}"]
        assert len(claude.requests) == 1


async def test_a_turn_without_tls_is_passed_on(
    make_llm: MakeLLM, environment: pytest.MonkeyPatch
) -> None:
    """A gateway inside the network is often spoken to without TLS."""
    proxy = Proxy("forward")
    with SimulatedClaude(HELLO) as claude:
        heard = await heard_behind(proxy, claude, make_llm, environment)

        assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
        assert proxy.asked == [f"POST {claude.base_url}/v1/messages"]


async def test_no_proxy_goes_around_it(make_llm: MakeLLM, environment: pytest.MonkeyPatch) -> None:
    """For hosts that the proxy does not serve."""
    proxy = Proxy("forward")
    environment.setenv("NO_PROXY", "localhost")
    with SimulatedClaude(HELLO, tls=True) as claude:
        heard = await heard_behind(proxy, claude, make_llm, environment)

        assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
        assert proxy.asked == []


async def test_a_tunnel_is_used_again(make_llm: MakeLLM, environment: pytest.MonkeyPatch) -> None:
    """It costs a turn two more round trips than a connection does."""
    proxy = Proxy("forward")
    with SimulatedClaude(default=HELLO, tls=True) as claude:
        async with proxy.listening() as url:
            environment.setenv("HTTPS_PROXY", url)
            adapter = make_llm(claude)
            for _ in range(3):
                await read_stream(adapter.chat(chat_ctx=conversation()))
            await adapter.aclose()

        assert len(claude.requests) == 3
        assert len(proxy.asked) == 1


@pytest.mark.parametrize("tls", [True, False])
async def test_credentials_are_the_proxy_s_and_nobody_else_s(
    tls: bool, make_llm: MakeLLM, environment: pytest.MonkeyPatch, lines: Lines
) -> None:
    """They stand in the URL, which messages of aiohttp like to quote."""
    proxy = Proxy(502, "forward", 407)
    with SimulatedClaude(HELLO, tls=tls) as claude:
        async with proxy.listening() as url:
            for name in ("HTTP_PROXY", "HTTPS_PROXY"):
                environment.setenv(name, url.replace("//", "//agent:open-sesame@"))
            heard = await heard_from(claude, make_llm)
            refused = await heard_from(claude, make_llm)

    assert (heard.error, len(proxy.asked)) == (None, 3)
    assert refused.error is not None
    basic = f"Basic {base64.b64encode(b'agent:open-sesame').decode()}"
    assert proxy.credentials == [basic] * 3
    told = [str(lines.events), *traceback.format_exception(refused.error)]
    assert "open-sesame" not in "".join(told)
    assert basic not in "".join(told)


async def test_a_tunnel_does_not_show_claude_the_proxy_s_credentials(
    make_llm: MakeLLM, environment: pytest.MonkeyPatch
) -> None:
    """They go with CONNECT, and no further."""
    with SimulatedClaude(HELLO, tls=True) as claude:
        async with Proxy("forward").listening() as url:
            environment.setenv("HTTPS_PROXY", url.replace("//", "//agent:open-sesame@"))
            await heard_from(claude, make_llm)

        assert "proxy-authorization" not in claude.requests[0].headers


EXCEPTED = [
    *("*", "api.example.com", "API.example.com.", ".example.com", "example.com", "*.example.com"),
    *("api.*", "a?i.example.com", "example.com:443", "*.example.com:443", "other, example.com"),
]
NOT_EXCEPTED = [
    "",
    ",",
    "ample.com",
    "other.com",
    "example.com:80",
    "*.api.example.com",
    "10.0.0.0/8",
]


@pytest.mark.parametrize(
    ("exceptions", "host", "around"),
    [
        *((entry, "api.example.com", True) for entry in EXCEPTED),
        *((entry, "api.example.com", False) for entry in NOT_EXCEPTED),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("10.1.2.3:80", "10.1.2.3", False),
        ("10.1.*", "10.1.2.3", True),
        ("fd00::/8", "[fd00::1]", True),
        ("[fd00::1]:443", "[fd00::1]", True),
        ("[fd00::1]:80", "[fd00::1]", False),
        ("fd00::1", "[fd00::1]", True),
    ],
)
def test_exceptions_are_what_others_take_for_one(
    exceptions: str, host: str, around: bool, environment: pytest.MonkeyPatch
) -> None:
    """One variable serves curl, Go, requests and this; each of them has its own dialect."""
    environment.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    environment.setenv("NO_PROXY", exceptions)

    proxy, _ = Proxies().of(yarl.URL(f"https://{host}/v1/messages"))

    assert (proxy is None) is around


async def test_a_line_names_the_proxy(
    make_llm: MakeLLM, environment: pytest.MonkeyPatch, lines: Lines
) -> None:
    """It is the first to be asked, and nobody remembers that there is one."""
    proxy = Proxy(502)
    with SimulatedClaude(HELLO, tls=True) as claude:
        async with proxy.listening() as url:
            environment.setenv("HTTPS_PROXY", url.replace("//", "//agent:open-sesame@"))
            await heard_from(claude, make_llm)

    named = {line["proxy"] for line in lines.named("claude.attempt_failed")}
    assert named == {url.removeprefix("http://")}


# --- it fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 407])
async def test_a_proxy_that_refuses_ends_the_turn_at_once(
    status: int, make_llm: MakeLLM, environment: pytest.MonkeyPatch, lines: Lines
) -> None:
    """It forbids the host or wants credentials, and will again."""
    proxy = Proxy(status, "forward")
    with SimulatedClaude(HELLO, tls=True) as claude:
        heard = await heard_behind(proxy, claude, make_llm, environment)

        assert (len(proxy.asked), len(claude.requests)) == (1, 0)
    assert type(heard.error) is APIConnectionError
    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["origin"], line["phase"]) == ("connect", "proxy", "connect")
    assert line["root_type"] == "ClientHttpProxyError"


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_the_line_says_what_the_proxy_answered(
    status: int, make_llm: MakeLLM, environment: pytest.MonkeyPatch, lines: Lines
) -> None:
    """Credentials, a forbidden host and a broken proxy are three different people's work."""
    proxy = Proxy(status, "forward")
    with SimulatedClaude(HELLO, tls=True) as claude:
        await heard_behind(proxy, claude, make_llm, environment)

    (line,) = lines.named("claude.attempt_failed")
    assert str(status) in line["root_message"]


UNTIL_THE_TUNNEL_STANDS: dict[str, tuple[Does, str]] = {
    "bad gateway": (502, "connect"),
    "no answer": ("hang", "timeout"),
    "closed": ("close", "reset"),
    "reset": ("reset", "reset"),
    "not HTTP": ("garbage", "malformed"),
}


@pytest.mark.parametrize("name", UNTIL_THE_TUNNEL_STANDS)
async def test_a_proxy_that_fails_once_is_not_heard(
    name: str, make_llm: MakeLLM, environment: pytest.MonkeyPatch, lines: Lines
) -> None:
    """Proxies are restarted, too."""
    does, kind = UNTIL_THE_TUNNEL_STANDS[name]
    proxy = Proxy(does, "forward")
    timeout = Timeouts(connect_s=SHORT_S) if does == "hang" else None
    with SimulatedClaude(HELLO, tls=True) as claude:
        heard = await heard_behind(proxy, claude, make_llm, environment, timeout)

        assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
        assert (len(proxy.asked), len(claude.requests)) == (2, 1)
    (line,) = lines.named("claude.attempt_failed")
    assert line["kind"] == kind


@pytest.mark.parametrize("name", UNTIL_THE_TUNNEL_STANDS)
async def test_until_the_tunnel_stands_it_is_the_proxy_s_affair(
    name: str, make_llm: MakeLLM, environment: pytest.MonkeyPatch, lines: Lines
) -> None:
    """Claude has not been reached yet, and TLS has not begun."""
    does, _ = UNTIL_THE_TUNNEL_STANDS[name]
    timeout = Timeouts(connect_s=SHORT_S) if does == "hang" else None
    with SimulatedClaude(HELLO, tls=True) as claude:
        await heard_behind(Proxy(does, "forward"), claude, make_llm, environment, timeout)

    (line,) = lines.named("claude.attempt_failed")
    assert (line["origin"], line["phase"]) == ("proxy", "connect")


@pytest.mark.parametrize(("mode", "kind"), [("alert", "tls"), ("hang", "timeout")])
async def test_tls_that_fails_inside_of_the_tunnel_is_named_tls(
    mode: TlsMode,
    kind: str,
    make_llm: MakeLLM,
    environment: pytest.MonkeyPatch,
    lines: Lines,
) -> None:
    """The proxy has done its part; what fails now is between us and the other end."""
    with SimulatedClaude(HELLO, tls=True) as claude:
        claude.tls_mode(mode)
        async with Proxy("forward").listening() as url:
            environment.setenv("HTTPS_PROXY", url)
            timeout = Timeouts(connect_s=SHORT_S) if mode == "hang" else None
            adapter = make_llm(claude, timeout=timeout)
            adapter.on("error", lambda event: claude.tls_mode("normal"))
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
            await adapter.aclose()

    assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["origin"], line["phase"]) == (kind, "unknown", "tls")


@pytest.mark.parametrize(
    ("url", "kind", "root_type"),
    [
        ("http://127.0.0.1:1", "connect", "ConnectionRefusedError"),
        ("http://proxy.invalid:3128", "dns", "gaierror"),
    ],
)
async def test_a_proxy_that_is_not_there_is_named(
    url: str,
    kind: str,
    root_type: str,
    make_llm: MakeLLM,
    environment: pytest.MonkeyPatch,
    lines: Lines,
) -> None:
    """The host and the port in `provider` are Claude's; the root tells that they are not meant."""
    environment.setenv("HTTPS_PROXY", url)
    with SimulatedClaude(HELLO, tls=True) as claude:
        heard = await heard_from(claude, make_llm)

    assert type(heard.error) is APIConnectionError
    failed = lines.named("claude.attempt_failed")
    assert [(line["kind"], line["origin"], line["root_type"]) for line in failed] == [
        (kind, "local" if kind == "dns" else "proxy", root_type)
    ] * 3


async def test_a_proxy_that_always_hangs_ends_in_a_timeout(
    make_llm: MakeLLM, environment: pytest.MonkeyPatch
) -> None:
    """Within the budget of silence, as everything does."""
    proxy, timeout = Proxy("hang"), Timeouts(connect_s=SHORT_S)
    with SimulatedClaude(HELLO, tls=True) as claude:
        heard = await heard_behind(proxy, claude, make_llm, environment, timeout)

    assert type(heard.error) is APITimeoutError
    assert len(proxy.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind", "origin"), [(403, "auth", "proxy"), (407, "rejected", "proxy")]
)
async def test_without_tls_the_proxy_s_refusal_is_an_error_status(
    status: int,
    kind: str,
    origin: str,
    make_llm: MakeLLM,
    environment: pytest.MonkeyPatch,
) -> None:
    """Anthropic has not answered: there is no request id, and nothing else was asked."""
    proxy = Proxy(status, "forward")
    with SimulatedClaude(HELLO) as claude:
        heard = await heard_behind(proxy, claude, make_llm, environment)

    assert len(proxy.asked) == 1
    assert isinstance(heard.error, APIStatusError)
    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.status, failure.kind, failure.origin) == (status, kind, origin)


# --- what the environment says --------------------------------------------------------------------


async def test_a_proxy_without_a_scheme_is_an_http_proxy(
    make_llm: MakeLLM, environment: pytest.MonkeyPatch
) -> None:
    """As curl and the SDK's own transport read it."""
    proxy = Proxy("forward")
    with SimulatedClaude(HELLO, tls=True) as claude:
        async with proxy.listening() as url:
            environment.setenv("HTTPS_PROXY", url.removeprefix("http://"))
            heard = await heard_from(claude, make_llm)

    assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    assert len(proxy.asked) == 1


async def test_all_proxy_is_for_all(make_llm: MakeLLM, environment: pytest.MonkeyPatch) -> None:
    """The SDK's own transport honours it; going around a proxy in silence helps nobody."""
    proxy = Proxy("forward")
    with SimulatedClaude(HELLO, tls=True) as claude:
        async with proxy.listening() as url:
            environment.setenv("ALL_PROXY", url)
            heard = await heard_from(claude, make_llm)

    assert heard.error is None
    assert len(proxy.asked) == 1


async def test_a_netrc_is_not_read(
    make_llm: MakeLLM, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its password would be sent to Claude beside the key, or clash with it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login agent password open-sesame\n")
    environment.setenv("NETRC", str(netrc))
    with SimulatedClaude(HELLO, tls=True) as claude:
        heard = await heard_behind(Proxy("forward"), claude, make_llm, environment)

        assert heard.error is None
        assert KEY in claude.requests[0].headers.get("authorization", KEY)


@pytest.mark.parametrize("name", ["CLOUD_SQL_PROXY", "FTP_PROXY"])
def test_a_proxy_of_somebody_else_s_is_not_looked_at(
    name: str, make_llm: MakeLLM, environment: pytest.MonkeyPatch
) -> None:
    """Every variable that ends so is called a proxy by the standard library."""
    environment.setenv(name, "project:region:instance")
    with SimulatedClaude() as claude:
        make_llm(claude)


def test_a_proxy_for_everything_else_may_be_any_where_nothing_is_left_for_it(
    environment: pytest.MonkeyPatch,
) -> None:
    """Tools that set a SOCKS proxy set all three: the one that is not used must end no call."""
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:7890")
    environment.setenv("HTTPS_PROXY", "http://127.0.0.1:7891")
    environment.setenv("ALL_PROXY", "socks5://127.0.0.1:7892")

    proxy, _ = Proxies().of(yarl.URL("https://api.anthropic.com"))

    assert proxy == yarl.URL("http://127.0.0.1:7891")


@pytest.mark.parametrize(
    "url",
    ["http://user:s3cr3t#pw@proxy:3128", "socks5://user:s3cr3t@proxy", "http://user:s3cr3t@"],
)
def test_a_proxy_that_cannot_be_used_says_so_without_its_password(
    url: str, make_llm: MakeLLM, environment: pytest.MonkeyPatch
) -> None:
    """Where the adapter is made, not in the first call."""
    environment.setenv("HTTPS_PROXY", url)
    with SimulatedClaude() as claude, pytest.raises(ValueError, match="HTTPS_PROXY") as raised:
        make_llm(claude)

    assert "s3cr3t" not in "".join(traceback.format_exception(raised.value))
