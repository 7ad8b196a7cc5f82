"""Rules of the subject that need no expected array, because many answers are right."""

from __future__ import annotations
