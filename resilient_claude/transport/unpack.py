"""Bodies that come compressed, though `identity` was asked for: unpacked in steps.

Two kilobytes of gzip in gzip hold gigabytes. Each step makes at most a megabyte of at most a
kilobyte, whatever the layers are, so that who reads can stop, or let others run in between.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilient_claude.failures.faults import Fault, malformed

from .httpx2_internals import Decoder, decoder_for

MOST_LAYERS = 5
"""How many encodings may lie one in the other; curl draws the same line."""


PACKED_BYTES = 1024
"""How much a layer is given at once: as empty frames of zstd, which make nothing, some 15 ms."""

_PACKED = ("br", "zstd", "compress", "x-compress")
"""Encodings whose decoders need not be there; whatever else is named (`utf-8`, say) is none."""


def decoders_of(encoding: str) -> list[Decoder]:
    """What unpacks a body with this `content-encoding` header, the outermost layer first.

    Raises:
        Fault: there is no decoder for an encoding, or there are too many.
    """
    names = [name.strip().lower() for name in encoding.split(",", MOST_LAYERS)]
    if len(names) > MOST_LAYERS:
        raise malformed(f"the body is packed in more than {MOST_LAYERS} layers")
    decoders: list[Decoder] = []
    for name in reversed(names):
        decoder = decoder_for(name.removeprefix("x-"))
        if decoder is not None:
            decoders.append(decoder)
        elif name in _PACKED:
            raise malformed(f"the body is packed ({name}), and identity was asked for")
    return decoders


class Unpacker:
    """Unpacks one body.

    Args:
        encoding: its `content-encoding` header.
        most: how many bytes may be unpacked, over all layers; None for any number.

    Raises:
        Fault: as `decoders_of` says.
    """

    def __init__(self, encoding: str, *, most: int | None = None) -> None:
        self._left = most
        self._layers = decoders_of(encoding)

    @property
    def packed(self) -> bool:
        """Whether there is anything to unpack."""
        return bool(self._layers)

    def steps(self, data: bytes) -> Iterator[bytes]:
        """What *data* holds, a step at a time; a step may make nothing that is to be read.

        Raises:
            Fault: it is not what the header says, or more than may be unpacked.
        """
        try:
            yield from self._through(0, data)
        except Fault:
            raise
        except Exception as exc:  # a decoder's, of a package that need not be there
            raise malformed("the body is not packed as its headers say") from exc

    def _through(self, layer: int, data: bytes) -> Iterator[bytes]:
        if layer == len(self._layers):
            yield data
            return
        for start in range(0, len(data), PACKED_BYTES):
            for piece in self._layers[layer].decode(data[start : start + PACKED_BYTES]):
                if self._left is not None:
                    self._left -= len(piece)
                    if self._left < 0:
                        raise malformed("the body unpacks to more than an error needs")
                yield from self._through(layer + 1, piece)
                yield b""
            yield b""
