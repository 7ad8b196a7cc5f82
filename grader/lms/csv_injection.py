"""Write text so that a spreadsheet shows it instead of computing it.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@`` (some programs also
accept their full-width and small forms, or one after a tab or a new line), and students may choose
their names: https://owasp.org/www-community/attacks/CSV_Injection. The quotes that the csv module
adds do not prevent this. In many countries spreadsheets use ``;`` as the separator instead of the
comma: there, the text after a ``;`` in a name begins a new cell.
"""

from __future__ import annotations

import re
import unicodedata

SIGNS = ("=", "+", "-", "@")
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
# A separator or a new line, then blanks and quotes, then the first character of the new cell.
_CUT = re.compile(r"""([;\t\r\n][\s"]*)([^\s"])""")


def without_formula(text: str) -> str:
    """Put an apostrophe before whatever a spreadsheet would compute.

    That may be the whole text, or a part that a spreadsheet takes for a new cell. A number is left
    unchanged.
    """
    if NUMBER.fullmatch(text):
        return text
    first = text.lstrip()[:1]
    whole = _CUT.sub(lambda cut: cut[1] + "'" * _begins_one(cut[2]) + cut[2], text)
    return f"'{whole}" if _begins_one(first) or text[:1] in ("\t", "\r", "\n") else whole


def _begins_one(character: str) -> bool:
    return unicodedata.normalize("NFKC", character) in SIGNS
