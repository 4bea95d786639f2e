"""Messages without keys and without speech."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.redaction import (
    MESSAGE_CHARS,
    PRIVATE_CHARS,
    identifier,
    redact,
    texts_in,
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


def test_a_conversation_too_long_to_be_compared_hides_the_message() -> None:
    """Comparing takes CPU on the event loop of a call; not showing is the safe side."""
    text = redact("bad text", ["x" * (PRIVATE_CHARS + 1)])

    assert text == "[not shown: the conversation is too long to check it for quotations]"


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


def test_the_speech_in_a_request_is_found_wherever_it_is() -> None:
    """Text, tool arguments and results; not the megabytes of an image."""
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "spoken"}]},
        {"role": "user", "content": ({"type": "image", "source": {"data": "iVBORw0KGgo="}},)},
        {"role": "assistant", "content": [{"thinking": "hm", "signature": "c2ln"}]},
        {"role": "assistant", "content": [{"input": {"guests": 4, "name": "Ada"}}]},
    ]

    found = set(texts_in(messages))

    assert found >= {"spoken", "hm", "Ada"}
    assert not found & {"iVBORw0KGgo=", "c2ln"}


def test_a_message_that_was_shortened_says_so() -> None:
    """Who reads it must not take half of it for the whole."""
    assert redact("x" * (MESSAGE_CHARS + 1)).endswith("…")
