"""Messages without secrets and without speech. Pure."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.parse import quote, quote_plus

from .private import Private
from .quotations import hide_quotations

MESSAGE_CHARS = 300
"""Longest `Failure.root_message`, in characters; the rest is dropped."""

_READ_CHARS = 4_000
"""How much of a message is looked at: enough for all that is shown, if it is escaped twice."""


def identifier(value: object) -> str | None:
    """*value* if it can be an id or a name of the API's, else None: it goes into logs as it is."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        return None
    return None if _KEY.search(value) else value


_IDENTIFIER = re.compile(r"[\w.:-]{1,80}")


def redact(text: str, private: Private | Iterable[str] = ()) -> str:
    """*text* on one line, shortened, without anything that is *private*.

    Args:
        text: a message; escape sequences in it are resolved, since they hide what it quotes.
        private: what it must not show; of a plain iterable, everything is speech.
    """
    if not isinstance(private, Private):
        private = Private(speech=private)
    text = _HEADERS.sub(HIDDEN_SECRET, _unescaped(text[:_READ_CHARS]))
    text = _on_one_line(text)
    text = _USER_OF_URL.sub(f"{HIDDEN_SECRET}@", text)
    text = _KEY.sub(HIDDEN_SECRET, _SCHEME.sub(HIDDEN_SECRET, text))
    secrets = list(islice(private.secrets, _MOST_SECRETS))
    for secret in secrets:
        text = _without_secret(text, secret)
    text = text[: MESSAGE_CHARS + 1]
    text = hide_quotations(text, (t for texts in (secrets, private.speech) for t in texts))
    return text if len(text) <= MESSAGE_CHARS else text[: MESSAGE_CHARS - 1] + "…"


def shows_secret(text: str, secrets: Iterable[str]) -> bool:
    """Whether *text* shows a key, or one of *secrets*."""
    plain = _on_one_line(_unescaped(text[:_READ_CHARS]))
    if _HEADERS.search(text) or any(p.search(plain) for p in (_USER_OF_URL, _SCHEME, _KEY)):
        return True
    return any(_without_secret(plain, secret) != plain for secret in secrets)


HIDDEN_SECRET = "[redacted]"


def _on_one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


# --- what is secret by the looks of it ------------------------------------------------------------

_SEPARATOR = r"""["']?\s*(?:[:=]|,\s*(?=b?["']))\s*"""
_QUOTED_VALUE = r"""b?"[^"\n]*"|b?'[^'\n]*'"""
_HEADERS = re.compile(
    # Inside of quotes, a header ends with them; else with its line, as Digest has several values.
    r"(?i)(?<=[\"'`])(?:proxy-)?authorization\s*[:=]\s*[^\n\"'`]*"
    rf"|(?:proxy-)?\bauthorization{_SEPARATOR}(?:{_QUOTED_VALUE}|[^\n]*)"
    rf"|\b(?:set-)?cookie{_SEPARATOR}(?:{_QUOTED_VALUE}|[^\n]*)"
    r"|\b(?:(?:x-)?(?:goog-)?api[-_]?key|x-amz-security-token|client[-_]secret|password"
    r"|(?:access|auth|authorization|id|refresh|security|session)[-_]token)"
    rf"{_SEPARATOR}(?:{_QUOTED_VALUE}|(?=\S*\d|\S{{20}})\S+)"
)
_SCHEME = re.compile(
    r"(?i)\b(?:bearer|basic|negotiate|ntlm|digest|apikey|aws4-hmac-sha256)\s+"
    r"(?=\S*[\d=+/]|\S*\.\w)[\w.~+/=,:-]{6,}"
)
_KEY = re.compile(
    r"sk-[\w-]{8,}|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|AIza[\w-]{20,}|ya29\.[\w.-]{10,}|gh[pousr]_\w{20,}"
)
_USER_OF_URL = re.compile(r"(?<=//)[^/\s@]+@")


# --- what is known to be secret -------------------------------------------------------------------

_MOST_SECRETS = 200
_SECRET_CHARS = 4  # shorter values are flags, and stand in every message by chance
_WORD_CHARS = 6  # shorter ones are hidden where they stand for themselves
_NO_SECRETS = {"true", "false", "null", "none"}


def _without_secret(text: str, secret: str) -> str:
    for form in _forms(secret):
        if form not in text or form.lower() in _NO_SECRETS:
            continue
        if len(form) >= _WORD_CHARS:
            text = text.replace(form, HIDDEN_SECRET)
        else:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN_SECRET, text)
    return text


def _forms(secret: str) -> Iterator[str]:
    """How *secret* may stand in a message: as it is, in parts, in a URL, and what Basic hides."""
    flat = _on_one_line(secret[:_READ_CHARS])
    if len(flat) < _SECRET_CHARS:
        return
    yield flat
    if not flat.isalnum():
        yield quote(flat, safe="")
        yield quote_plus(flat)
    scheme, _, credentials = flat.partition(" ")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except ValueError:
            decoded = ""
        yield from (part for part in (decoded, decoded.partition(":")[2]) if part)
    if credentials:
        yield from (part for part in flat.split() if len(part) >= _WORD_CHARS + 2)


# --- escapes --------------------------------------------------------------------------------------

_ESCAPED = re.compile(
    r"(?P<bytes>(?:\\x[0-9a-fA-F]{2})+)|\\u(?P<u>[0-9a-fA-F]{4})|\\U(?P<U>[0-9a-fA-F]{8})"
    r"|\\(?P<char>[\"'\\/nrtbf])"
)
_ESCAPED_DEEP = 3


def _unescaped(text: str) -> str:
    r"""*text* with `\u0444`, `\xd1\x84`, `\"` and `&quot;` resolved, also if escaped again."""
    for _ in range(_ESCAPED_DEEP):
        plain = _ESCAPED.sub(_unescape, text)
        if "&" in plain:
            plain = html.unescape(plain)
        if plain == text:
            break
        text = plain
    if any("\ud800" <= c <= "\udfff" for c in text):  # two escapes make one character
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _unescape(match: re.Match[str]) -> str:
    if match["bytes"]:
        raw = bytes.fromhex(match["bytes"].replace("\\x", ""))
        try:
            return raw.decode()  # as `repr` of bytes has it
        except UnicodeDecodeError:
            return raw.decode("latin-1")  # as that of a str
    code = match["u"] or match["U"]
    if code:
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF else " "
    char = match["char"]
    return " " if char in "nrtbf" else char
