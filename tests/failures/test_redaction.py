"""Messages without keys and without speech."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.private import Private
from resilient_claude.failures.redaction import (
    MESSAGE_CHARS,
    identifier,
    redact,
    shows_secret,
)


def test_keys_are_redacted() -> None:
    """A log is read by more people than a key may have."""
    text = "bad header x-api-key: sk-ant-api03-abcdefgh and Authorization: Bearer abc.def"

    assert "sk-ant" not in redact(text)
    assert "abc.def" not in redact(text)


def test_speech_is_hidden_and_the_rest_stays() -> None:
    """The API may quote the prompt in an error; its own words say what to mend."""
    message = "messages.0: invalid text 'my card number is 4711 0815' near the end"

    text = redact(message, ["please note: my card number is 4711 0815, thanks"])

    assert text == "messages.0: invalid text '[…]' near the end"


@given(st.text(max_size=2000), st.lists(st.text(max_size=60), max_size=3))
def test_redacting_is_bounded_and_hides_every_long_quotation(text: str, private: list[str]) -> None:
    """Whatever comes from the network, the message stays short and private."""
    redacted = redact(text, private)

    assert len(redacted) <= MESSAGE_CHARS
    for spoken in private:
        flat = " ".join(spoken.split())
        for start in range(len(flat) - 11):
            if "[" not in flat and "…" not in flat:
                assert flat[start : start + 12] not in redacted


def test_a_message_is_one_line() -> None:
    """A line of a log that holds line ends forges other lines."""
    assert redact("first\r\nsecond\x1b[31m\tthird") == "first second [31m third"


def test_a_short_utterance_is_hidden_whole() -> None:
    """A PIN, or the code of a door, is no longer than this."""
    assert redact("bad text '49215' in messages.0", ["49215"]) == "bad text '[…]' in messages.0"


def test_words_that_are_everywhere_are_left() -> None:
    """A caller who says "text" must not blot out every message that has the word."""
    assert redact("bad text in messages.0", ["text", "in"]) == "bad text in messages.0"


def test_a_quotation_is_found_across_line_ends() -> None:
    """The message was put on one line, so what was spoken is too."""
    assert redact("echo: my card number", ["my card\n  number"]) == "echo: […]"


@pytest.mark.parametrize("value", ["req_011CSHoEeqs5C35K2UUqR7Fy", "overloaded_error", "a.b:c-d"])
def test_ids_and_names_are_told(value: str) -> None:
    """They are what Anthropic's support asks for."""
    assert identifier(value) == value


@pytest.mark.parametrize(
    "value", ["", "two words", "sk-ant-api03-abcdefgh", "x" * 81, "line\nend", None, 42, ["req_1"]]
)
def test_what_cannot_be_an_id_is_not_told(value: object) -> None:
    """A gateway may write anything where the id belongs, and it goes into logs as it is."""
    assert identifier(value) is None


def test_a_message_that_was_shortened_says_so() -> None:
    """Who reads it must not take half of it for the whole."""
    assert redact("x" * (MESSAGE_CHARS + 1)).endswith("…")


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic dXNlcjpodW50ZXIy",
        "proxy-authorization: Negotiate YIIHunter2==",
        "{'Authorization': 'ApiKey id:hunter2', 'x': 'y'}",
        '{"authorization": "hunter2 and more"}',
        "(b'Authorization', b'AWS4-HMAC-SHA256 Credential=hunter2, Signature=hunter2')",
        'Authorization: Digest username="u", response="hunter2", nonce="hunter2"',
        "illegal header 'Authorization: Token hunter2 hunter2' refused",
        "cookie: a=b; session=hunter2",
        "x-goog-api-key: hunter2",
        "got basic dXNlcjpodW50ZXIy= from you",
        "cannot reach https://user:hunter2@proxy:3128",
    ],
)
def test_credentials_of_any_scheme_are_hidden(text: str) -> None:
    """Not the word of the scheme alone."""
    shown = redact(text)

    assert "unter2" not in shown
    assert "dXNl" not in shown
    assert "[redacted]" in shown
    assert shows_secret(text, [])


@pytest.mark.parametrize(
    "text",
    [
        "invalid x-api-key",
        "x-api-key header is required",
        "Authorization header is missing",
        "Invalid bearer token",
        "max_tokens: Field required",
        "mcp_servers.0.authorization_token: Input should be a valid string",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_the_cause_is_no_secret(text: str) -> None:
    """An error about a header is told in the header's name."""
    assert redact(text) == text
    assert not shows_secret(text, [])


SECRETS = ["hunter2", "Basic dXNlcjpvcGVuc2VzYW1l", "tenant 7/blue", "7391", "true", "x"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no tenant hunter2-prod", "no tenant [redacted]-prod"),
        ("user opensesame", "user [redacted]"),
        ("GET /v1?t=tenant%207%2Fblue", "GET /v1?t=[redacted]"),
        ("GET /v1?t=tenant+7%2Fblue", "GET /v1?t=[redacted]"),
        ("code 7391 refused", "code [redacted] refused"),
        ("line 17391", "line 17391"),
        ("must be true", "must be true"),
        ("dXNlcjpvcGVuc2VzYW1l", "[redacted]"),
    ],
)
def test_secret_values_are_hidden_however_they_are_written(text: str, shown: str) -> None:
    """In a URL, in a part, decoded; a flag is none, and a number not in another one."""
    assert redact(text, Private(secrets=SECRETS)) == shown


@pytest.mark.parametrize(
    "quoted",
    [
        r"\u041c\u043e\u0439 \u043f\u0438\u043d 4921",
        r"\\u041c\\u043e\\u0439 \\u043f\\u0438\\u043d 4921",
        r"\xd0\x9c\xd0\xbe\xd0\xb9 \xd0\xbf\xd0\xb8\xd0\xbd 4921",
        "&#1052;&#1086;&#1081; &#1087;&#1080;&#1085; 4921",
        "Мой пин 4921",
    ],
)
def test_escaped_quotations_are_found(quoted: str) -> None:
    """A Russian caller's PIN is private in JSON too."""
    assert redact(f"bad text: {quoted}", ["Мой пин 4921"]) == "bad text: […]"


def test_quotations_with_escaped_quotes_and_line_ends() -> None:
    """JSON escapes what a caller says as well."""
    spoken = 'she said "my pin"\nis 4921 and'

    assert redact(r"bad: she said \"my pin\"\nis 4921 and", [spoken]) == "bad: […]"


def test_two_escapes_that_are_one_character() -> None:
    """And a half of one is none."""
    assert redact(r"a \ud83c\udf89 b \ud83c c") == "a 🎉 b � c"


def test_what_is_no_text_in_escapes() -> None:
    """Nothing may come out of here but a message."""
    assert redact(r"a \U00110000 \xe9 \U0001f389 b") == "a é 🎉 b"
