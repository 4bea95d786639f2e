"""What nobody hears, by the words of Unicode's own tables."""

from __future__ import annotations

import unicodedata

_SHAPELESS = (
    "BRAILLE PATTERN BLANK",
    "COMBINING GRAPHEME JOINER",
    "HALFWIDTH HANGUL FILLER",
    "HANGUL CHOSEONG FILLER",
    "HANGUL FILLER",
    "HANGUL JUNGSEONG FILLER",
    "KHMER VOWEL INHERENT",
    "MONGOLIAN FREE VARIATION SELECTOR",
    "VARIATION SELECTOR",
)
"""How the names of marks and letters begin that show nothing."""

_SHOWN = ("ARABIC ", "EGYPTIAN ", "KAITHI ", "SYRIAC ")
"""How the names of format characters begin that are drawn: signs of numbers, hieroglyphs."""


def nobody_hears(text: str) -> bool:
    """Whether no character of *text* is a sound, a sign or a letter."""
    return all(_is_silent(character) for character in text)


def _is_silent(character: str) -> bool:
    category = unicodedata.category(character)
    name = unicodedata.name(character, "")
    if category == "Cf":
        return name == "ARABIC LETTER MARK" or not name.startswith(_SHOWN)
    if category == "Cn":  # kept free for more of them
        point = ord(character)
        return point == 0x2065 or 0xFFF0 <= point <= 0xFFF8 or 0xE0000 <= point <= 0xE0FFF
    return category in ("Cc", "Zl", "Zp", "Zs") or name.startswith(_SHAPELESS)
