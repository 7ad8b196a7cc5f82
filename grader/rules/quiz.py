"""Judge quiz answers: which option was chosen, and what the check says about it.

The explanation of an option is sealed under the option's letter, so that nobody who unpacks the
frozen file can read the right answers in it. This only keeps honest students honest: trying all
letters opens all explanations, as trying all letters in the check does.
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

CHOOSES = "chooses "  # how the title of a wrong option begins


@dataclass(frozen=True)
class Explanation:
    """The check's words on one option: why it is right, or which mistake it is."""

    why: str = ""
    mistake: Misconception | None = None


def seal(salt: str, options: Mapping[str, Explanation]) -> dict[str, str]:
    """Seal each letter's explanation. All have the same length, which gives nothing away."""
    texts = {}
    for letter, explanation in options.items():
        wrong = explanation.mistake
        parts = [wrong.id, wrong.title, wrong.says] if wrong is not None else [explanation.why]
        texts[letter] = json.dumps(parts).encode()
    size = max(map(len, texts.values()))
    return {letter: _xor(plain.ljust(size), salt, letter).hex() for letter, plain in texts.items()}


def unseal(salt: str, sealed: Mapping[str, str], letter: str) -> Explanation:
    """Return the explanation of the option with this letter."""
    parts = json.loads(_xor(bytes.fromhex(sealed[letter]), salt, letter))
    if len(parts) == 1:
        return Explanation(why=parts[0])
    return Explanation(mistake=Misconception(*parts))


def _xor(text: bytes, salt: str, letter: str) -> bytes:
    """Seal or unseal a text: XOR with a stream that salt and letter determine."""
    stream = hashlib.shake_256(f"{salt} {letter}".encode()).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


@rule
def choice(check: Check, replies: list[Reply]) -> Finding | Remark | None:
    """Check that the letter given for the option ``question`` is that of the right answer."""
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
    explanation = unseal(check.options["salt"], sealed, letter)
    if explanation.mistake is None:
        return Remark(explanation.why)
    return Finding(f"your answer is {letter}", known=explanation.mistake)


def _letter(given: Any) -> str:
    """Find the letter ``"b"`` in what people write: B, (b), b), b. It is "" if there is none."""
    if not isinstance(given, str):
        return ""
    found = re.fullmatch(r"[\s(\[]*([A-Za-z])[\s)\].:]*", given)
    return found[1].lower() if found else ""
