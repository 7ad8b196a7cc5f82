"""Text that a spreadsheet shows and does not compute, whoever chose it.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@`` (in some, their
full-width or small forms, or behind a tab or a new line), and students may choose what they are
called: https://owasp.org/www-community/attacks/CSV_Injection. Quoting, which the csv module does,
does not keep it from that.
"""

from __future__ import annotations

import re
import unicodedata

SIGNS = ("=", "+", "-", "@")
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def inert(text: str) -> str:
    """The text, with an apostrophe in front if it would be computed; a number stays as it is."""
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    formula = first in SIGNS or text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if formula and not NUMBER.fullmatch(text) else text
