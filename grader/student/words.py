"""Put numbers into words."""

from __future__ import annotations


def points(number: float) -> str:
    """Say how many points: "1 point", "2.5 points"."""
    shown = f"{number:g}"
    return f"{shown} point{'s'[: shown != '1']}"
