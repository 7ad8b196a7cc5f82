"""Questions with lettered options: which one was chosen, and what there is to say of it.

What is said of an option is sealed under its letter: whoever unpacks a file of questions reads no
answer in it, and the letter that is chosen opens its own. (It keeps honest people honest. Whoever
tries every letter learns as much as the check tells whoever tries every letter.)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader.protocol.values import Check, Misconception, Reply
from grader.rules.comparing import describe, failure_text
from grader.rules.rule import Finding, Remark, rule


@dataclass(frozen=True)
class Said:
    """What is said of one option: why it is right, or the mistake that it is."""

    why: str = ""
    mistake: Misconception | None = None


def seal(salt: str, options: Mapping[str, Said]) -> dict[str, str]:
    """Each letter's text, sealed; all are of one length."""
    texts = {}
    for letter, said in options.items():
        wrong = said.mistake
        parts = [wrong.id, wrong.title, wrong.says] if wrong is not None else [said.why]
        texts[letter] = json.dumps(parts).encode()
    size = max(map(len, texts.values()))
    return {
        letter: _mixed(plain.ljust(size), salt, letter).hex() for letter, plain in texts.items()
    }


def opened(salt: str, sealed: Mapping[str, str], letter: str) -> Said:
    """What is said of the option with this letter."""
    parts = json.loads(_mixed(bytes.fromhex(sealed[letter]), salt, letter))
    return Said(why=parts[0]) if len(parts) == 1 else Said(mistake=Misconception(*parts))


def _mixed(text: bytes, salt: str, letter: str) -> bytes:
    stream = hashlib.shake_256(f"{salt} {letter}".encode()).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


@rule
def choice(check: Check, replies: list[Reply]) -> Finding | Remark | None:
    """The dict's letter for the question named in the options is that of the right one."""
    reply, sealed = replies[0], check.options["sealed"]
    if reply.failure is not None:
        return Finding(failure_text(reply))
    if not isinstance(reply.value, dict):
        return Finding(f"the result is {describe(reply.value)}, expected a dict of letters")
    given = reply.value.get(check.options["question"])
    if given is None or (isinstance(given, str) and not given.strip()):
        return Finding("not answered")
    letter = _letter(given)
    if letter not in sealed:
        shown = repr(given[:20]) if isinstance(given, str) else describe(given)
        return Finding(f"the answer is {shown}, expected one of the letters {', '.join(sealed)}")
    said = opened(check.options["salt"], sealed, letter)
    if said.mistake is None:
        return Remark(said.why)
    return Finding(f"your answer is {letter}", known=said.mistake)


def _letter(given: Any) -> str:
    """``"b"`` of what people write: B, (b), b), b."""
    if not isinstance(given, str):
        return ""
    found = re.fullmatch(r"[\s(\[]*([A-Za-z])[\s)\].:]*", given)
    return found[1].lower() if found else ""
