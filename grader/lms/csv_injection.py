"""Write text so that a spreadsheet shows it and does not compute it.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@`` (some programs also take
the full-width and small forms of these, or one after a tab or a new line), and students may choose
what they are called: https://owasp.org/www-community/attacks/CSV_Injection. The csv module quotes
such a cell, and spreadsheets compute it all the same.
"""

from __future__ import annotations

import re
import unicodedata

SIGNS = ("=", "+", "-", "@")
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def without_formula(text: str) -> str:
    """The text, after an apostrophe if a spreadsheet would compute it; a number stays as it is."""
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    formula = first in SIGNS or text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if formula and not NUMBER.fullmatch(text) else text
