"""Make a submission's outputs safe to display: plain text, checked images, harmless HTML."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from typing import Any

import nh3

from grader.judge.room import markdown_room

MAX_OUTPUTS = 100
MAX_TEXT = 100_000
MAX_IMAGE = 4_000_000
MAX_SHOWN = 8_000_000
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
MAX_PIXELS = 40_000_000
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/=\s]+)")
_STYLE = re.compile(r"[a-z\-]+\s*:\s*[a-zA-Z0-9 .,%#()\-]+")
AS_WRITTEN = (
    "(shown as it was written: too long, or with too many formulas or blanks, to be formatted)"
)
_WRITTEN = re.compile(rf"{re.escape(AS_WRITTEN)}\n\n(~{{3,}})\n(.*)\n\1\n?", re.DOTALL)
PYTHON = {"python", "py", "python3", "py3", "ipython", "ipython3"}  # of a fenced block
# Control characters, and those that change the direction of text.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# fmt: off
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "div",
    "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p",
    "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "u", "ul",
}
# fmt: on
_TAG = re.compile(rf"<(?=[a-zA-Z/!?])(?!/?(?:{'|'.join(sorted(TAGS))})\s*/?>)", re.I)
_DIAGRAM = re.compile("(mer)(maid)", re.I)
# Macros by which MathJax and KaTeX make or load links, styles, ids, pictures and extensions.
_ACTIVE_MACRO = re.compile(
    r"\\(?=(?:href|url|cssId|class|style|data|require|unicode|mmlToken|bbox|csname|includegraphics"
    r"|html(?:Id|Class|Style|Data)|tooltip|texttip|mathtip|toggle)(?![a-zA-Z]))"
)
_FORMULA = re.compile(r"\$|\\[(\[]|\\begin")
# Entities that Markdown turns into characters; a formula could be assembled from these later.
# In HTML a number needs no semicolon and may begin with any number of zeros.
_ENTITY = re.compile(
    r"&(?=#0*+(?P<decimal>\d{1,3})(?!\d)|#[xX]0*+(?P<hex>[0-9a-fA-F]{1,2})(?![0-9a-fA-F])"
    r"|(?:bsol|dollar|lpar|lsqb|lbrack);)"
)
ATTRIBUTES = {
    "*": {"style", "title", "aria-label", "role", "colspan", "rowspan", "scope"},
    "img": {"src", "alt", "width", "height"},
}


def clean_outputs(raw: list[Any]) -> list[dict[str, Any]]:
    """Rebuild a worker's outputs from the parts that are known to be harmless."""
    cleaned = [output for item in raw[:MAX_OUTPUTS] if (output := _clean(item)) is not None]
    if len(raw) > MAX_OUTPUTS:
        note = f"(only the first {MAX_OUTPUTS} outputs are kept)\n"
        cleaned.append({"output_type": "stream", "name": "stderr", "text": note})
    return cleaned


def fit_into(outputs: list[dict[str, Any]], room: int) -> tuple[list[dict[str, Any]], int]:
    """Return the outputs that fit into ``room`` characters, and the room that is left."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        room -= len(json.dumps(output))
        if room < 0:
            note = f"(outputs beyond {MAX_SHOWN // 1_000_000} MB in one notebook are left out)\n"
            return [*kept, {"output_type": "stream", "name": "stderr", "text": note}], 0
        kept.append(output)
    return kept, room


def _clean(item: Any) -> dict[str, Any] | None:
    kind = item.get("output_type") if isinstance(item, dict) else None
    if kind == "stream":
        name = "stderr" if item.get("name") == "stderr" else "stdout"
        text = plain(item.get("text"))
        return {"output_type": "stream", "name": name, "text": text} if text else None
    if kind == "error":
        lines = item.get("traceback")
        lines = lines[:100] if isinstance(lines, list) else []
        return {
            "output_type": "error",
            "ename": plain(item.get("ename"), 200),
            "evalue": plain(item.get("evalue"), 2000),
            "traceback": [plain(line, 4000) for line in lines],
        }
    if kind in ("display_data", "execute_result"):
        data = _bundle(item.get("data"))
        if not data:
            return None
        output = {"output_type": kind, "data": data, "metadata": {}}
        return output | ({"execution_count": None} if kind == "execute_result" else {})
    return None


def _bundle(data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        return {}
    kept = {}
    for mime in ("text/markdown", "text/latex", "text/plain"):  # shown as source, not rendered
        if isinstance(data.get(mime), str) and "text/plain" not in kept:
            kept["text/plain"] = plain(data[mime])
    for mime in ("image/png", "image/jpeg"):
        if is_image(data.get(mime)):
            kept[mime] = data[mime]
    if isinstance(data.get("text/html"), str):
        kept["text/html"] = clean_html(data["text/html"])
    return kept


def plain(text: Any, limit: int = MAX_TEXT) -> str:
    """Shorten text and replace control characters, which could forge a terminal or page."""
    if not isinstance(text, str):
        return ""
    text = _CONTROL.sub("\ufffd", text[:limit].encode("utf-8", "replace").decode())
    return re.sub(r"\x1b(?!\[[0-9;]*m)", "\ufffd", text)


def quiet_markdown(text: str) -> str:
    """Return Markdown that loads nothing when shown: no images, no HTML but bare harmless tags.

    JupyterLab runs no script in Markdown, but it fetches images, backgrounds and whatever the style
    of a Mermaid diagram names, from any server, which then learns who reads the page and when. A
    zero-width space breaks up such syntax, so that it is shown as the student wrote it. Links and
    styles in formulas are treated the same way. Renderers disagree on where a formula begins and
    ends, so in a text with any formula all such macros are broken up.
    """
    text = _ENTITY.sub(_quiet_entity, text)
    if _FORMULA.search(text):
        text = _without_active_macros(text)
    text = _TAG.sub("<\u200b", text).replace("![", "!\u200b[")
    return _DIAGRAM.sub("\\1\u200b\\2", text)


def _quiet_entity(found: re.Match[str]) -> str:
    decimal, hexadecimal = found["decimal"], found["hex"]
    if not decimal and not hexadecimal:
        return "&\u200b"
    meant = chr(int(decimal) if decimal else int(hexadecimal, 16))
    is_syntax = meant in "\\$([" or (meant.isascii() and meant.isalpha())
    return "&\u200b" if is_syntax else "&"


def _without_active_macros(text: str) -> str:
    """Break up macros by which a formula could make a link, a style or an id, or load anything.

    ``\\href{javascript:...}`` in a formula is a link that runs a script, unless MathJax is
    configured otherwise, and the reader's MathJax is not ours to configure. A zero-width space
    after the backslash takes away the macro's meaning.
    """
    return _ACTIVE_MACRO.sub("\\\\\u200b", text)


def is_image(value: Any) -> bool:
    """Tell whether this is a PNG or JPEG in base64 of bounded size (a PNG: bounded pixels, too)."""
    if not isinstance(value, str) or len(value) > MAX_IMAGE:
        return False
    try:
        content = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    if content.startswith(PNG) and len(content) >= 24:
        width = int.from_bytes(content[16:20], "big")
        height = int.from_bytes(content[20:24], "big")
        return 0 < width * height <= MAX_PIXELS
    return content.startswith(JPEG)


def clean_html(text: str) -> str:
    """Return HTML with only harmless tags and attributes: no links, images only from data URLs."""
    # Formulas come last: by now entities are characters, and tags that split a macro are gone.
    return _without_active_macros(_cleaned(text))


def _cleaned(text: str) -> str:
    return nh3.clean(
        text[: MAX_IMAGE + MAX_TEXT],
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        clean_content_tags={"script", "style", "svg", "math", "template", "iframe", "object"},
        url_schemes={"data"},
        link_rel=None,
        strip_comments=True,
    )


def as_written(text: str) -> str:
    """Return Markdown that shows this text as it is, at a cost linear in its length."""
    longest = max(map(len, re.findall("~{3,}", text)), default=2)
    fence = "~" * (longest + 1)
    return f"{AS_WRITTEN}\n\n{fence}\n{text}\n{fence}\n"


def safe_markdown(source: str) -> str:
    """Render Markdown as HTML in which nothing runs or loads.

    A text that would take long to render is shown as it was written.
    """
    written = _WRITTEN.fullmatch(source)
    if written is None and markdown_room().takes(source):
        return clean_html(_rendered(source))
    text = html.escape(plain(written[2] if written else source, len(source)))
    return f"<p>{AS_WRITTEN}</p>\n<pre><code>{text}\n</code></pre>\n"


def _rendered(source: str) -> str:
    # This import takes long, and few pages need it.
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def block_code(self, code: str, info: str | None = None) -> str:
            # A fence may name any of Pygments' languages, and some take forever on hostile text.
            language = next(iter((info or "").split()), "")
            return super().block_code(code, "python" if language in PYTHON else None)

    return MarkdownWithMath(renderer=Renderer(escape=False)).render(source)


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        match = _DATA_IMAGE.fullmatch(value)
        return value if match and is_image(match[2]) else None
    if name == "style":
        kept = [part.strip() for part in value.split(";") if _STYLE.fullmatch(part.strip())]
        return "; ".join(p for p in kept if _harmless(p)) or None
    return plain(value, 4000)


def _harmless(declaration: str) -> bool:
    """Tell whether a style neither fetches anything nor draws over the page.

    A negative distance moves a box over others; so does a size larger than the box around it.
    """
    name, _, value = declaration.partition(":")
    name, value = name.strip(), value.strip().lower()
    if any(word in value for word in ("url", "expression", "image", "fixed", "absolute", "sticky")):
        return False
    if _BELOW_ZERO.search(value) or not set(_FUNCTION.findall(value)) <= COLOURS:
        return False
    if name == "height":
        return value == "auto"
    if name == "vertical-align":
        return not any(character.isdigit() for character in value)
    if name == "font-size":
        size = _SIZE.fullmatch(value)
        return value in SIZES if size is None else float(size["number"]) <= LARGEST[size["unit"]]
    return name in STYLES


_BELOW_ZERO, _FUNCTION = re.compile(r"-\s*[\d.]"), re.compile(r"([\w-]*)\(")
COLOURS = {"rgb", "rgba", "hsl", "hsla"}  # the functions that a style may call
# Units that mean the same at any depth of nesting: not em, %, larger.
_SIZE = re.compile(r"(?P<number>\d{0,6}\.?\d{1,6})(?P<unit>px|pt|rem)")
LARGEST = {"px": 48, "pt": 36, "rem": 3}
SIZES = {"xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large"}
# fmt: off
STYLES = {
    "color", "background", "background-color", "font-weight", "font-style", "font-family",
    "text-align", "text-decoration", "padding", "margin",
    "border", "border-collapse", "border-spacing", "white-space", "width", "max-width",
}
# fmt: on
