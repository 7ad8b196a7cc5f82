"""Bound how many values a JSON text holds before it is parsed.

Parsing can turn three bytes into an object of two hundred: 30 MB of ``{"":0},`` become almost a
gigabyte. Counting takes no memory, and stops once there are too many.
"""

from __future__ import annotations

import re

# A whole string, or half of one at the end. Possessive, so that no text is read twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.S)
_STARTS = (b"{", b"[", b",")  # each value but the first comes after one of these


def has_more_values(text: bytes, most: int) -> bool:
    """Tell whether a JSON text holds more than ``most`` values; text in strings does not count."""
    if _starts(text) <= most:  # strings included, which is quick and says no for most texts
        return False
    found = place = 0
    for string in _STRING.finditer(text):
        found += _starts(text, place, string.start())
        place = string.end()
        if found > most:
            return True
    return found + _starts(text, place, len(text)) > most


def _starts(text: bytes, start: int = 0, end: int | None = None) -> int:
    return sum(text.count(one, start, end) for one in _STARTS)
