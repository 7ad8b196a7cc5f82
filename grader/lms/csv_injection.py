"""Write text so that a spreadsheet shows it and does not compute it.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@`` (some programs also take
the full-width and small forms of these, or one after a tab or a new line), and students may choose
what they are called: https://owasp.org/www-community/attacks/CSV_Injection. The csv module quotes
such a cell, and spreadsheets compute it all the same. In many countries a spreadsheet takes ``;``
for the separator, not the comma: there, what follows a ``;`` in a name begins a cell of its own.
"""

from __future__ import annotations

import re
import unicodedata

SIGNS = ("=", "+", "-", "@")
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
# A separator or a new line, with blanks and quotes after it; then the character that begins a cell.
_CUT = re.compile(r"""([;\t\r\n][\s"]*)([^\s"])""")


def without_formula(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would compute.

    That may be the whole text, or a part that a spreadsheet takes for a cell of its own. A number
    stays as it is.
    """
    if NUMBER.fullmatch(text):
        return text
    first = text.lstrip()[:1]
    whole = _CUT.sub(lambda cut: cut[1] + "'" * _begins_one(cut[2]) + cut[2], text)
    return f"'{whole}" if _begins_one(first) or text[:1] in ("\t", "\r", "\n") else whole


def _begins_one(character: str) -> bool:
    return unicodedata.normalize("NFKC", character) in SIGNS
