"""The head of a response, before aiohttp's parser sees it: bounds, and a length given twice. Pure.

Other clients accept a response whose `content-length` is there twice, as long as both are the same
(RFC 9110, section 8.6), and heads of any reasonable size; llhttp, aiohttp's parser, refuses the
first, and aiohttp the second, before anybody has seen the status.

**Theory of operation.** Bytes go through as they come: only a line that may still become one of
those that matter (a status line, a length, the blank line at the end) is held back until it is
whole, so that garbage reaches the parser at once. The blank line after a 1xx status begins another
head; after any other status the head is over, and what follows it is the body's.
"""

from __future__ import annotations

HEAD_BYTES = 2**20
"""How long heads may be, those of 1xx responses included; Go's net/http draws the same line."""

MOST_HEADERS = 5_000
"""How many header lines a head may have; curl draws the same line."""


class HeadRefused(Exception):
    """A head breaks a rule; the message, which quotes nothing, says which."""


class Head:
    """Reads the heads of one response, 1xx ones before it included.

    Attributes:
        over: whether the head is over: there is nothing more to feed.
    """

    def __init__(self) -> None:
        self.over = False
        self._bytes = 0
        self._headers = 0
        self._held = b""
        self._inside_line = False
        self._status: bytes | None = None
        self._length: int | None = None

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What of *data* goes to the parser, and what of it comes after the head.

        Raises:
            HeadRefused: a bound is exceeded, or two lengths differ.
        """
        data, self._held = self._held + data, b""
        passed_on: list[bytes] = []
        at = 0
        while at < len(data) and not self.over:
            end = data.find(b"\n", at) + 1
            if not end:
                self._begin_line(data[at:], passed_on)
                at = len(data)
                break
            if self._inside_line:  # its beginning has gone on
                passed_on.append(data[at:end])
                self._inside_line = False
            else:
                passed_on.append(self._line(data[at:end]))
            at = end
        self._bytes += at - len(self._held)
        if self._bytes + len(self._held) > HEAD_BYTES:
            raise HeadRefused(f"the headers are longer than {HEAD_BYTES} bytes")
        return b"".join(passed_on), data[at:]

    def _begin_line(self, start: bytes, passed_on: list[bytes]) -> None:
        if self._inside_line:
            passed_on.append(start)
        elif not self._may_matter(start):
            if self._status is None:
                self._status = start[9:_STATUS_END]
            passed_on.append(start)
            self._inside_line = True
        else:
            self._held = start

    def _may_matter(self, start: bytes) -> bool:
        if start == b"\r":
            return True
        if self._status is None:
            return len(start) < _STATUS_END and b"HTTP/1."[: len(start)] == start[:7]
        return _LENGTH.startswith(start[: len(_LENGTH)].lower())

    def _line(self, line: bytes) -> bytes:
        """What goes to the parser of a whole line."""
        if line in (b"\r\n", b"\n"):
            self._end()
        elif self._status is None:
            self._status = line[9:_STATUS_END]
        else:
            self._headers += 1
            if self._headers > MOST_HEADERS:
                raise HeadRefused(f"there are more than {MOST_HEADERS} headers")
            if line[: len(_LENGTH)].lower() == _LENGTH:
                return self._content_length(line)
        return line

    def _end(self) -> None:
        if self._status is None:  # blank lines before a status line, which the parser skips
            return
        # 101 is the last that speaks HTTP.
        self.over = not self._status.startswith(b"1") or self._status == b"101"
        self._status = self._length = None

    def _content_length(self, line: bytes) -> bytes:
        name, _, values = line.partition(b":")
        lengths = {value.strip() for value in values.split(b",")}
        if name.lower() != _LENGTH or not all(_is_length(text) for text in lengths):
            return line  # the parser's to refuse
        given = set(map(int, lengths))
        if len(given | {self._length} - {None}) > 1:
            raise HeadRefused("there are lengths that differ")
        if self._length is not None:
            return b""
        (self._length,) = given
        return b"content-length: %d\r\n" % self._length


def _is_length(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _LENGTH_DIGITS


_STATUS_END = 12
"""Where the status ends in `HTTP/1.1 200 OK`."""

_LENGTH = b"content-length"
_LENGTH_DIGITS = 19
